"""Workers: who runs jobs, with what capacity."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from engine.store.database import DATABASE

ID = "2026-11-22T06:40:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "workers"

SCRIPT = """
CREATE TABLE worker (
    name text PRIMARY KEY,
    hostname text NOT NULL,
    version text NOT NULL,
    forks integer NOT NULL,
    memory_mb integer NOT NULL,
    runs_limit integer,
    drained boolean NOT NULL DEFAULT false,
    started_at timestamptz NOT NULL DEFAULT now(),
    last_seen timestamptz NOT NULL DEFAULT now(),
    stopped_at timestamptz,
    CONSTRAINT worker_capacity CHECK (forks >= 1 AND memory_mb >= 1 AND (runs_limit IS NULL OR runs_limit >= 1))
) WITH (fillfactor = 50);  -- a heartbeat rewrites its row every few seconds, in place
CREATE INDEX job_active_of_cluster ON job (cluster_id, created_at, id) WHERE status IN ('queued', 'running');
GRANT SELECT, INSERT, UPDATE, DELETE ON worker TO keelyard_runtime;
"""


async def forwards():
    manager = MigrationManager(migration_id=ID, app_name="keelyard", description=DESCRIPTION)

    async def run():
        await DATABASE.current_transaction.get().connection.execute(SCRIPT)

    manager.add_raw(run)
    return manager
