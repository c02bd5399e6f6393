"""Schedules with their runs, notification channels with their deliveries, and who asked for a job."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from engine.store.database import DATABASE

ID = "2026-11-22T06:50:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "schedules, notification channels"

SCHEDULES = """
CREATE TABLE schedule (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenant (id) ON DELETE RESTRICT,
    name text NOT NULL,
    cluster_id uuid NOT NULL REFERENCES cluster (id) ON DELETE RESTRICT,
    job_type text NOT NULL,
    cron text NOT NULL,
    time_zone text NOT NULL,
    enabled boolean NOT NULL DEFAULT true,
    missed_run_policy text NOT NULL DEFAULT 'skip' CHECK (missed_run_policy IN ('skip', 'run_once')),
    parameters jsonb NOT NULL DEFAULT '{}',
    created_by uuid,
    created_by_email text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    last_run_at timestamptz,
    next_run_at timestamptz
);
CREATE UNIQUE INDEX schedule_name_unique ON schedule (tenant_id, name);
CREATE INDEX schedule_due ON schedule (next_run_at) WHERE enabled;
CREATE INDEX schedule_cluster ON schedule (cluster_id);
CREATE TABLE schedule_run (
    id uuid PRIMARY KEY,
    schedule_id uuid NOT NULL REFERENCES schedule (id) ON DELETE CASCADE,
    trigger text NOT NULL CHECK (trigger IN ('clock', 'person')),
    due_at timestamptz NOT NULL,
    last_due_at timestamptz NOT NULL,
    due_count integer NOT NULL DEFAULT 1,
    outcome text NOT NULL CHECK (outcome IN ('started', 'missed', 'skipped')),
    reason text,
    message text,
    job_id uuid,
    recorded_at timestamptz NOT NULL DEFAULT now()
);
-- Whatever the clocks do, a due time is served once.
CREATE UNIQUE INDEX schedule_run_once ON schedule_run (schedule_id, last_due_at) WHERE trigger = 'clock';
CREATE INDEX schedule_run_time ON schedule_run (schedule_id, recorded_at DESC, id DESC);
ALTER TABLE job ADD COLUMN schedule_id uuid;
CREATE INDEX job_of_schedule ON job (schedule_id) WHERE schedule_id IS NOT NULL;
"""

CHANNELS = """
CREATE TABLE notification_channel (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenant (id) ON DELETE RESTRICT,
    name text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('webhook', 'mail')),
    enabled boolean NOT NULL DEFAULT true,
    event_filter jsonb NOT NULL DEFAULT '{}',
    configuration_encrypted text NOT NULL,
    created_by uuid,
    created_by_email text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX notification_channel_name_unique ON notification_channel (tenant_id, name);
CREATE TABLE notification_delivery (
    id uuid PRIMARY KEY,
    channel_id uuid NOT NULL REFERENCES notification_channel (id) ON DELETE CASCADE,
    event text NOT NULL,
    job_id uuid,
    content jsonb NOT NULL DEFAULT '{}',
    status text NOT NULL CHECK (status IN ('pending', 'delivered', 'dead')),
    tries jsonb NOT NULL DEFAULT '[]',
    tries_in_round integer NOT NULL DEFAULT 0,
    next_try_at timestamptz,
    claim integer NOT NULL DEFAULT 0,
    claimed_by text,
    lease_until timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    delivered_at timestamptz
);
CREATE INDEX notification_delivery_due ON notification_delivery (next_try_at) WHERE status = 'pending';
CREATE INDEX notification_delivery_time ON notification_delivery (channel_id, created_at DESC, id DESC);
CREATE UNIQUE INDEX notification_delivery_once ON notification_delivery (channel_id, job_id)
    WHERE event = 'job.ended';
"""

GRANTS = """
GRANT SELECT, INSERT, UPDATE, DELETE ON
    schedule, schedule_run, notification_channel, notification_delivery TO keelyard_runtime;
"""


async def forwards():
    manager = MigrationManager(migration_id=ID, app_name="keelyard", description=DESCRIPTION)

    async def run():
        for script in (SCHEDULES, CHANNELS, GRANTS):
            await DATABASE.current_transaction.get().connection.execute(script)

    manager.add_raw(run)
    return manager
