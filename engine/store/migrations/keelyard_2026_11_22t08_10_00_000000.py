"""Users who live elsewhere: their ended sessions, their changes, and no table that wants them here."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from engine.store.database import DATABASE

ID = "2026-11-22T08:10:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "users of an outside identity provider"

SCRIPT = """
CREATE TABLE denied_session (
    session_id text PRIMARY KEY,
    until timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX denied_session_until ON denied_session (until);
CREATE TABLE user_change (
    user_id uuid PRIMARY KEY,
    changed_at timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT, INSERT, UPDATE, DELETE ON denied_session, user_change TO keelyard_runtime;
-- Whoever asks may have an account in Keycloak only. Answers are forgotten after a day, accounts or not.
ALTER TABLE idempotency_record DROP CONSTRAINT IF EXISTS idempotency_record_account_id_fkey;
"""


async def forwards():
    manager = MigrationManager(migration_id=ID, app_name="keelyard", description=DESCRIPTION)

    async def run():
        await DATABASE.current_transaction.get().connection.execute(SCRIPT)

    manager.add_raw(run)
    return manager
