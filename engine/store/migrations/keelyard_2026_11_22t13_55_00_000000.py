"""When what a cluster's hardening is to be was last changed: a retry goes by it."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from engine.store.database import DATABASE

ID = "2026-11-22T13:55:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "hardening settings"

SCRIPT = "ALTER TABLE cluster ADD COLUMN hardening_changed_at timestamptz;"


async def forwards():
    manager = MigrationManager(migration_id=ID, app_name="keelyard", description=DESCRIPTION)

    async def run():
        await DATABASE.current_transaction.get().connection.execute(SCRIPT)

    manager.add_raw(run)
    return manager
