"""How long a silent run lives is a property of the run: workers may be configured differently."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from engine.store.database import DATABASE

ID = "2026-11-22T06:10:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "lease length of a job"

LEASE = "ALTER TABLE job ADD COLUMN lease_seconds double precision NOT NULL DEFAULT 180"


async def forwards():
    manager = MigrationManager(migration_id=ID, app_name="keelyard", description=DESCRIPTION)

    async def run():
        await DATABASE.current_transaction.get().connection.execute(LEASE)

    manager.add_raw(run)
    return manager
