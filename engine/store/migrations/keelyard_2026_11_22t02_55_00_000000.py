"""What Piccolo cannot say: partial indexes, checks, the partitioned event log, roles and grants."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from engine.store.database import DATABASE

ID = "2026-11-22T02:55:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "indexes, event log, runtime role"

INDEXES = """
CREATE UNIQUE INDEX cluster_name_unique ON cluster (tenant_id, name) WHERE deleted_at IS NULL;
CREATE INDEX cluster_created ON cluster (created_at DESC, id DESC);
CREATE UNIQUE INDEX node_name_unique ON node (cluster_id, name);
CREATE UNIQUE INDEX node_address_unique ON node (cluster_id, ip_address, ssh_port);
CREATE INDEX node_address ON node (ip_address);
CREATE UNIQUE INDEX job_one_running ON job (cluster_id) WHERE status = 'running';
CREATE INDEX job_of_cluster ON job (cluster_id, created_at);
CREATE INDEX job_created ON job (created_at DESC, id DESC);
CREATE INDEX job_active ON job (status, created_at) WHERE status IN ('queued', 'running');
CREATE UNIQUE INDEX phase_unique ON phase (job_id, slug);
CREATE INDEX audit_entry_time ON audit_entry (tenant_id, "timestamp" DESC, id DESC);
CREATE INDEX audit_entry_resource ON audit_entry (resource_type, resource_id);
CREATE UNIQUE INDEX idempotency_record_unique ON idempotency_record (account_id, key);
CREATE INDEX idempotency_record_created ON idempotency_record (created_at);
ALTER TABLE account ADD CONSTRAINT account_email_lower CHECK (email = lower(email));
ALTER TABLE job ADD CONSTRAINT job_status_known
    CHECK (status IN ('queued', 'running', 'success', 'failed', 'cancelled', 'interrupted'));
ALTER TABLE cluster ADD CONSTRAINT cluster_status_known
    CHECK (status IN ('pending', 'provisioning', 'running', 'failed', 'deleted'));
"""

EVENTS = """
CREATE TABLE event (
    job_id uuid NOT NULL,
    sequence bigint NOT NULL,
    attempt integer NOT NULL,
    kind text NOT NULL,
    phase text,
    task text,
    role text,
    host text,
    message text NOT NULL DEFAULT '',
    duration_seconds double precision,
    data jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL,
    PRIMARY KEY (job_id, sequence, created_at)
) PARTITION BY RANGE (created_at);
CREATE TABLE event_other PARTITION OF event DEFAULT;

CREATE FUNCTION keelyard_make_event_partitions(months integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    first date;
    made integer := 0;
    partition text;
BEGIN
    -- One caller at a time; the others then find the partitions made.
    PERFORM pg_advisory_xact_lock(hashtext('keelyard_make_event_partitions'));
    FOR ahead IN 0..months LOOP
        first := (date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => ahead))::date;
        partition := 'event_' || to_char(first, 'YYYY_MM');
        CONTINUE WHEN to_regclass(partition) IS NOT NULL;
        BEGIN
            EXECUTE format(
                'CREATE TABLE %I PARTITION OF event FOR VALUES FROM (%L) TO (%L)',
                partition, first || ' 00:00+00', (first + interval '1 month')::date || ' 00:00+00');
            made := made + 1;
        EXCEPTION WHEN check_violation THEN
            NULL;  -- the default partition has rows of that month already; they stay there
        END;
    END LOOP;
    RETURN made;
END;
$$;

CREATE FUNCTION keelyard_drop_event_partitions(keep_months integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    partition text;
    dropped integer := 0;
    oldest text := 'event_' || to_char(
        date_trunc('month', now() AT TIME ZONE 'UTC') - make_interval(months => keep_months), 'YYYY_MM');
BEGIN
    FOR partition IN
        SELECT child.relname FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid
        WHERE inhparent = 'event'::regclass AND child.relname ~ '^event_[0-9]{4}_[0-9]{2}$'
          AND child.relname < oldest
    LOOP
        EXECUTE format('DROP TABLE %I', partition);
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
END;
$$;

SELECT keelyard_make_event_partitions(2);
"""

TENANT = """
INSERT INTO tenant (id, slug, name)
VALUES ('00000000-0000-0000-0000-000000000001', 'default', 'Default') ON CONFLICT (slug) DO NOTHING;
"""

RUNTIME_ROLE = """
DO $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'keelyard_runtime') THEN
        BEGIN
            CREATE ROLE keelyard_runtime NOLOGIN;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;  -- another database of this server made it meanwhile
        END;
    END IF;
    BEGIN
        EXECUTE format('GRANT keelyard_runtime TO %I', current_user);
    EXCEPTION WHEN insufficient_privilege THEN
        -- The server's administrator made the role; then membership is theirs to give.
        IF NOT pg_has_role(current_user, 'keelyard_runtime', 'MEMBER') THEN
            RAISE;
        END IF;
    END;
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO keelyard_runtime', current_schema());
END;
$$;
GRANT SELECT, INSERT, UPDATE, DELETE ON
    account, session, cluster, ssh_credential, node, job, phase, idempotency_record TO keelyard_runtime;
GRANT SELECT, INSERT ON audit_entry, event, tenant TO keelyard_runtime;
GRANT SELECT ON migration TO keelyard_runtime;
REVOKE ALL ON FUNCTION keelyard_make_event_partitions(integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION keelyard_drop_event_partitions(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION keelyard_make_event_partitions(integer) TO keelyard_runtime;
GRANT EXECUTE ON FUNCTION keelyard_drop_event_partitions(integer) TO keelyard_runtime;
"""


async def forwards():
    manager = MigrationManager(migration_id=ID, app_name="keelyard", description=DESCRIPTION)

    async def run():
        for script in (INDEXES, EVENTS, TENANT, RUNTIME_ROLE):
            await DATABASE.current_transaction.get().connection.execute(script)

    manager.add_raw(run)
    return manager
