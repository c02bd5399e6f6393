"""Service tokens; answers to repeated requests are kept for callers who have no account of ours, too."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from engine.store.database import DATABASE

ID = "2026-11-22T08:52:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "service tokens"

SCRIPT = """
CREATE TABLE service_token (
    id uuid PRIMARY KEY,
    tenant_id uuid REFERENCES tenant (id) ON DELETE RESTRICT,
    name text NOT NULL,
    token_hash text NOT NULL UNIQUE,
    permissions text[] NOT NULL CHECK (cardinality(permissions) > 0),
    created_by uuid,
    created_by_email text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    last_used_at timestamptz,
    last_used_address text NOT NULL DEFAULT '',
    revoked_at timestamptz
);
CREATE UNIQUE INDEX service_token_name_unique ON service_token (name) WHERE revoked_at IS NULL;
GRANT SELECT, INSERT, UPDATE ON service_token TO keelyard_runtime;
ALTER TABLE idempotency_record DROP CONSTRAINT IF EXISTS idempotency_record_account_id_fkey;
"""


async def forwards():
    manager = MigrationManager(migration_id=ID, app_name="keelyard", description=DESCRIPTION)

    async def run():
        await DATABASE.current_transaction.get().connection.execute(SCRIPT)

    manager.add_raw(run)
    return manager
