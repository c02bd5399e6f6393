"""The facts behind an overview: counts of everything, and only the rows that are not as they should be."""

from __future__ import annotations

from datetime import datetime

import msgspec

from engine.domain.attention import (
    DAYS_OF_NOTICES,
    HOURS_OF_JOBS,
    DeadNotices,
    FailedCluster,
    Observed,
    TroubledJob,
    UnservedSchedule,
)
from engine.domain.conditions import CERTIFICATE_DAYS
from engine.domain.statuses import OTHER_JOBS, READ_ONLY_JOBS
from engine.store import database, rows

MOST = 200  # of a kind

_READ_ONLY = sorted(each.value for each in READ_ONLY_JOBS)
_OTHERS = sorted(each.value for each in OTHER_JOBS)  # a cluster's status does not follow from them


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """How many of everything, by status where it has one."""

    clusters: dict[str, int]
    nodes: dict[str, int]
    queued: int
    running: int


class Backups(msgspec.Struct, frozen=True, kw_only=True):
    """When Keelyard's own state was saved last, and since when there is something to save."""

    last: datetime | None
    first_cluster: datetime | None


async def counts() -> Counts:
    """How many clusters, nodes and waiting jobs there are now."""
    sql = """
        SELECT (
            SELECT coalesce(jsonb_object_agg(status, n), '{}'::jsonb) FROM (
                SELECT status, count(*) AS n FROM cluster WHERE deleted_at IS NULL GROUP BY status) found
        ) AS clusters, (
            SELECT coalesce(jsonb_object_agg(status, n), '{}'::jsonb) FROM (
                SELECT node.status, count(*) AS n FROM node JOIN cluster ON cluster.id = node.cluster_id
                WHERE cluster.deleted_at IS NULL AND node.status <> 'removed' GROUP BY node.status) found
        ) AS nodes,
        (SELECT count(*) FROM job WHERE status = 'queued') AS queued,
        (SELECT count(*) FROM job WHERE status = 'running') AS running"""
    found = await rows.one(Counts, sql)
    assert found is not None
    return found


async def troubled_jobs() -> list[TroubledJob]:
    """Jobs that failed or were interrupted lately and that no later one of their type has followed, latest
    first. A later deprovision job that succeeded settles all of them.
    """
    sql = """
        SELECT job.id, job.cluster_id, cluster.name AS cluster_name, job.type, job.status, job.reason,
            job.message, job.finished_at,
            (SELECT phase.name FROM phase WHERE phase.job_id = job.id AND phase.status = 'failed'
             ORDER BY phase.position LIMIT 1) AS phase,
            coalesce((SELECT array_agg(host ORDER BY position, host) FROM job_host
                      WHERE job_host.job_id = job.id AND lost IS NOT NULL), '{}') AS lost,
            NOT EXISTS (
                SELECT 1 FROM job later WHERE later.cluster_id = job.cluster_id AND later.id <> job.id
                AND later.created_at >= job.created_at
                AND (later.type = job.type OR later.type <> ALL($2::text[]))) AS newest,
            EXISTS (
                SELECT 1 FROM job later WHERE later.cluster_id = job.cluster_id AND later.type = job.type
                AND later.status IN ('queued', 'running')) AS under_way
        FROM job JOIN cluster ON cluster.id = job.cluster_id
        WHERE job.status IN ('failed', 'interrupted') AND cluster.deleted_at IS NULL
        AND job.finished_at > now() - make_interval(hours => $1)
        AND NOT EXISTS (
            SELECT 1 FROM job later WHERE later.cluster_id = job.cluster_id AND later.id <> job.id
            AND later.created_at >= job.created_at
            AND (later.type = job.type AND later.status IN ('success', 'failed', 'interrupted')
                 OR later.type = 'deprovision' AND later.status = 'success'))
        ORDER BY job.finished_at DESC, job.id LIMIT $3"""
    return await rows.many(TroubledJob, sql, HOURS_OF_JOBS, _READ_ONLY, MOST)


async def failed_clusters() -> list[FailedCluster]:
    """Clusters whose status is failed, with the job that left them so."""
    sql = """
        SELECT cluster.id, cluster.name, last.type AS last_type, last.status AS last_status,
            coalesce(last.finished_at, cluster.updated_at) AS since
        FROM cluster LEFT JOIN LATERAL (
            SELECT type, status, finished_at FROM job
            WHERE job.cluster_id = cluster.id AND started_at IS NOT NULL AND finished_at IS NOT NULL
            AND type <> ALL($1::text[])
            ORDER BY finished_at DESC, id DESC LIMIT 1) last ON true
        WHERE cluster.status = 'failed' AND cluster.deleted_at IS NULL
        ORDER BY since DESC, cluster.id LIMIT $2"""
    return await rows.many(FailedCluster, sql, _OTHERS, MOST)


async def observed() -> list[Observed]:
    """Conditions that are not true, or will soon not be, of clusters that are meant to work; of a failed one
    only what its failure does not explain.
    """
    sql = """
        SELECT cluster.id AS cluster_id, cluster.name AS cluster_name, condition
        FROM cluster CROSS JOIN LATERAL jsonb_array_elements(cluster.conditions) condition
        WHERE cluster.deleted_at IS NULL
        AND (cluster.status = 'running'
             OR cluster.status = 'failed' AND condition->>'type' = 'CertificatesValid')
        AND condition->>'reason' NOT IN ('Deprovisioned', 'NotWanted')
        AND (condition->>'status' <> 'True'
             OR (condition->>'expires_at')::timestamptz < now() + make_interval(days => $1))
        ORDER BY cluster.name, cluster.id LIMIT $2"""
    return await rows.many(Observed, sql, CERTIFICATE_DAYS, MOST)


async def unserved_schedules() -> list[UnservedSchedule]:
    """Schedules in use whose latest due time was missed or refused."""
    sql = """
        SELECT schedule.id, schedule.name, cluster.name AS cluster_name, run.outcome, run.message,
            run.due_count, run.last_due_at
        FROM schedule JOIN cluster ON cluster.id = schedule.cluster_id
        CROSS JOIN LATERAL (
            SELECT * FROM schedule_run WHERE schedule_id = schedule.id
            ORDER BY recorded_at DESC, last_due_at DESC, id DESC LIMIT 1) run
        WHERE schedule.enabled AND cluster.deleted_at IS NULL
        AND (run.outcome = 'missed' OR run.reason = 'refused')
        AND run.recorded_at > now() - make_interval(days => $1)
        ORDER BY run.last_due_at DESC, schedule.id LIMIT $2"""
    return await rows.many(UnservedSchedule, sql, DAYS_OF_NOTICES, MOST)


async def dead_notices() -> list[DeadNotices]:
    """Channels in use with notices that were given up lately, and none delivered since."""
    sql = """
        SELECT channel.id AS channel_id, channel.name AS channel_name, count(*) AS count,
            max(dead.created_at) AS since
        FROM notification_delivery dead JOIN notification_channel channel ON channel.id = dead.channel_id
        WHERE dead.status = 'dead' AND dead.created_at > now() - make_interval(days => $1) AND channel.enabled
        AND NOT EXISTS (
            SELECT 1 FROM notification_delivery later WHERE later.channel_id = dead.channel_id
            AND later.status = 'delivered' AND later.created_at >= dead.created_at)
        GROUP BY channel.id, channel.name ORDER BY since DESC, channel.id LIMIT $2"""
    return await rows.many(DeadNotices, sql, DAYS_OF_NOTICES, MOST)


async def backups() -> Backups:
    """When a backup was last made or put back, by the audit log, and when the oldest cluster was made."""
    sql = """
        SELECT (SELECT max("timestamp") FROM audit_entry WHERE resource_type = 'state'
                AND action IN ('state:backup', 'state:restore') AND status = 'success') AS last,
            (SELECT min(created_at) FROM cluster WHERE deleted_at IS NULL) AS first_cluster"""
    found = await rows.one(Backups, sql)
    assert found is not None
    return found


async def now() -> datetime:
    """The database's time, by which everything else here goes."""
    row = await database.fetch_one("SELECT now() AS now")
    assert row is not None
    found: datetime = row["now"]
    return found
