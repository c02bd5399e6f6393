"""Events are opened from any side: indexes per filter, news of jobs and clusters, retention that spares runs."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from engine.store.database import DATABASE

ID = "2026-11-22T06:20:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "event filters, change notifications, event retention"

# Each index ends in what a page is ordered by, so a page reads only the rows it shows. Partitions to come get
# them too.
INDEXES = """
CREATE INDEX event_of_kind ON event (job_id, kind, sequence);
CREATE INDEX event_of_phase ON event (job_id, phase, kind, sequence) WHERE phase IS NOT NULL;
CREATE INDEX event_of_host ON event (job_id, host, kind, sequence) WHERE host IS NOT NULL;
"""

# Whoever writes a job, a phase or a cluster, dashboards hear of it.
NEWS = """
CREATE FUNCTION keelyard_tell_job() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM pg_notify('changes', 'job:' || NEW.id);
    RETURN NULL;
END;
$$;
CREATE FUNCTION keelyard_tell_phase() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM pg_notify('changes', 'job:' || NEW.job_id);
    RETURN NULL;
END;
$$;
CREATE FUNCTION keelyard_tell_cluster() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM pg_notify('changes', 'cluster:' || NEW.id);
    RETURN NULL;
END;
$$;
CREATE TRIGGER job_made AFTER INSERT ON job FOR EACH ROW EXECUTE FUNCTION keelyard_tell_job();
CREATE TRIGGER job_changed AFTER UPDATE OF status, cancel_requested_at ON job FOR EACH ROW
    WHEN (OLD.status IS DISTINCT FROM NEW.status
          OR OLD.cancel_requested_at IS DISTINCT FROM NEW.cancel_requested_at)
    EXECUTE FUNCTION keelyard_tell_job();
CREATE TRIGGER phase_made AFTER INSERT ON phase FOR EACH ROW EXECUTE FUNCTION keelyard_tell_phase();
CREATE TRIGGER phase_changed AFTER UPDATE OF status ON phase FOR EACH ROW
    WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION keelyard_tell_phase();
CREATE TRIGGER cluster_made AFTER INSERT ON cluster FOR EACH ROW EXECUTE FUNCTION keelyard_tell_cluster();
CREATE TRIGGER cluster_changed AFTER UPDATE OF status, deleted_at, name ON cluster FOR EACH ROW
    WHEN (OLD.status IS DISTINCT FROM NEW.status OR OLD.deleted_at IS DISTINCT FROM NEW.deleted_at
          OR OLD.name IS DISTINCT FROM NEW.name)
    EXECUTE FUNCTION keelyard_tell_cluster();
"""

# Dropping a partition locks the whole table, so it waits for readers only briefly and else comes back later.
RETENTION = """
CREATE OR REPLACE FUNCTION keelyard_drop_event_partitions(keep_months integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET lock_timeout = '2s' AS $$
DECLARE
    partition text;
    needed boolean;
    dropped integer := 0;
    cutoff timestamptz := (date_trunc('month', now() AT TIME ZONE 'UTC')
        - make_interval(months => keep_months)) AT TIME ZONE 'UTC';
    oldest text := 'event_' || to_char(cutoff AT TIME ZONE 'UTC', 'YYYY_MM');
BEGIN
    FOR partition IN
        SELECT child.relname FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid
        WHERE inhparent = 'event'::regclass AND child.relname ~ '^event_[0-9]{4}_[0-9]{2}$'
          AND child.relname < oldest
        ORDER BY child.relname
    LOOP
        EXECUTE format(
            'SELECT EXISTS (SELECT 1 FROM job WHERE status IN (''queued'', ''running'')'
            ' AND EXISTS (SELECT 1 FROM %I old WHERE old.job_id = job.id))', partition) INTO needed;
        CONTINUE WHEN needed;
        BEGIN
            EXECUTE format('DROP TABLE %I', partition);
            dropped := dropped + 1;
        EXCEPTION WHEN lock_not_available THEN
            RETURN dropped;
        END;
    END LOOP;
    DELETE FROM event_other old WHERE created_at < cutoff AND NOT EXISTS (
        SELECT 1 FROM job WHERE job.id = old.job_id AND job.status IN ('queued', 'running'));
    RETURN dropped;
END;
$$;
"""


async def forwards():
    manager = MigrationManager(migration_id=ID, app_name="keelyard", description=DESCRIPTION)

    async def run():
        for script in (INDEXES, NEWS, RETENTION):
            await DATABASE.current_transaction.get().connection.execute(script)

    manager.add_raw(run)
    return manager
