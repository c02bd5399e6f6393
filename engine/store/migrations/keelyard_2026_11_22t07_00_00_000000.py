"""Plans: what a provision run would change, and which of them a job applies."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from engine.store.database import DATABASE

ID = "2026-11-22T07:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "plans"

SCRIPT = """
CREATE TABLE plan (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenant (id) ON DELETE RESTRICT,
    cluster_id uuid NOT NULL REFERENCES cluster (id) ON DELETE RESTRICT,
    job_id uuid NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    kind text NOT NULL CHECK (kind IN ('plan', 'verify')),
    hash text NOT NULL,
    facts_hash text NOT NULL,
    spec_hash text NOT NULL,
    summary jsonb NOT NULL,
    document jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX plan_of_job ON plan (job_id);
CREATE INDEX plan_of_cluster ON plan (cluster_id, created_at DESC, id DESC);
CREATE INDEX plan_by_hash ON plan (cluster_id, hash);
-- The plan that a provision job applies. No reference: old plans are dropped, and their jobs stay.
ALTER TABLE job ADD COLUMN plan_id uuid;
GRANT SELECT, INSERT, DELETE ON plan TO keelyard_runtime;
"""


async def forwards():
    manager = MigrationManager(migration_id=ID, app_name="keelyard", description=DESCRIPTION)

    async def run():
        await DATABASE.current_transaction.get().connection.execute(SCRIPT)

    manager.add_raw(run)
    return manager
