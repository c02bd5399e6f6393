"""What a job did on each host, its slowest tasks, and what was expected of it when it began."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from engine.store.database import DATABASE

ID = "2026-11-22T06:30:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "recap per host, slowest tasks, expected durations"

SCRIPT = """
ALTER TABLE job ADD COLUMN left_out text[] NOT NULL DEFAULT '{}';
ALTER TABLE job ADD COLUMN expectation jsonb;
CREATE INDEX job_succeeded ON job (type, finished_at DESC) WHERE status = 'success';

CREATE TABLE job_host (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    job_id uuid NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    host text NOT NULL,
    position integer NOT NULL DEFAULT 0,
    because text NOT NULL DEFAULT '',
    ok integer NOT NULL DEFAULT 0,
    changed integer NOT NULL DEFAULT 0,
    failed integer NOT NULL DEFAULT 0,
    unreachable integer NOT NULL DEFAULT 0,
    skipped integer NOT NULL DEFAULT 0,
    rescued integer NOT NULL DEFAULT 0,
    ignored integer NOT NULL DEFAULT 0,
    duration_seconds double precision NOT NULL DEFAULT 0,
    lost text,
    phase text,
    task text,
    failure text,
    failed_task text,
    last_sequence bigint NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX job_host_unique ON job_host (job_id, host);

CREATE TABLE slow_task (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    job_id uuid NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    sequence bigint NOT NULL,
    phase text NOT NULL DEFAULT '',
    task text NOT NULL DEFAULT '',
    role text,
    host text NOT NULL DEFAULT '',
    seconds double precision NOT NULL
);
CREATE UNIQUE INDEX slow_task_unique ON slow_task (job_id, sequence);
CREATE INDEX slow_task_order ON slow_task (job_id, phase, seconds DESC, sequence);

GRANT SELECT, INSERT, UPDATE, DELETE ON job_host, slow_task TO keelyard_runtime;
"""


async def forwards():
    manager = MigrationManager(migration_id=ID, app_name="keelyard", description=DESCRIPTION)

    async def run():
        await DATABASE.current_transaction.get().connection.execute(SCRIPT)

    manager.add_raw(run)
    return manager
