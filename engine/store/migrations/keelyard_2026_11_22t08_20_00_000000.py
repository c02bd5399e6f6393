"""Tokens of password resets, as hashes."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from engine.store.database import DATABASE

ID = "2026-11-22T08:20:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "password resets"

SCRIPT = """
CREATE TABLE password_reset (
    id uuid PRIMARY KEY,
    -- No reference: accounts may be those of an outside system.
    account_id uuid NOT NULL,
    email text NOT NULL,
    token_hash text NOT NULL UNIQUE,
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX password_reset_of_account ON password_reset (account_id, created_at);
GRANT SELECT, INSERT, UPDATE, DELETE ON password_reset TO keelyard_runtime;
"""


async def forwards():
    manager = MigrationManager(migration_id=ID, app_name="keelyard", description=DESCRIPTION)

    async def run():
        await DATABASE.current_transaction.get().connection.execute(SCRIPT)

    manager.add_raw(run)
    return manager
