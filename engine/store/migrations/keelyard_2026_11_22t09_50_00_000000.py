"""What wants an operator is found without reading what went well: indexes over failures alone."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from engine.store.database import DATABASE

ID = "2026-11-22T09:50:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "overview"

INDEXES = """
CREATE INDEX job_troubled ON job (finished_at DESC) WHERE status IN ('failed', 'interrupted');
CREATE INDEX notification_delivery_dead ON notification_delivery (created_at DESC) WHERE status = 'dead';
"""


async def forwards():
    manager = MigrationManager(migration_id=ID, app_name="keelyard", description=DESCRIPTION)

    async def run():
        await DATABASE.current_transaction.get().connection.execute(INDEXES)

    manager.add_raw(run)
    return manager
