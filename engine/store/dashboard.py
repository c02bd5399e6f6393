"""Jobs and clusters in the few words that a dashboard shows, by id or all that matter now."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime

import msgspec

from engine.domain.statuses import ClusterStatus, JobStatus, JobType
from engine.store import rows

CHANNEL = "changes"  # payload: "job:<id>" or "cluster:<id>"; triggers of the tables send it
MOST = 1000
ENDED = 50  # jobs that have ended, in a snapshot


class JobNews(msgspec.Struct, frozen=True, kw_only=True):
    """How a job stands."""

    id: uuid.UUID
    tenant_id: uuid.UUID
    cluster_id: uuid.UUID
    cluster_name: str
    type: JobType
    status: JobStatus
    reason: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    cancel_requested: bool
    phases: int
    phases_done: int
    phase: str | None  # slug of the one that runs
    last_sequence: int


class ClusterNews(msgspec.Struct, frozen=True, kw_only=True):
    """How a cluster stands."""

    id: uuid.UUID
    tenant_id: uuid.UUID
    name: str
    status: ClusterStatus


_JOB = """
    SELECT job.id, job.tenant_id, job.cluster_id, cluster.name AS cluster_name, job.type,
        job.status, job.reason, job.created_at, job.started_at, job.finished_at,
        job.cancel_requested_at IS NOT NULL AS cancel_requested, steps.phases, steps.phases_done, steps.phase,
        job.last_sequence
    FROM job JOIN cluster ON cluster.id = job.cluster_id CROSS JOIN LATERAL (
        SELECT count(*) AS phases, count(*) FILTER (WHERE status IN ('succeeded', 'skipped')) AS phases_done,
            (array_agg(slug ORDER BY position) FILTER (WHERE status = 'running'))[1] AS phase
        FROM phase WHERE phase.job_id = job.id) steps"""


async def jobs(ids: Sequence[uuid.UUID]) -> list[JobNews]:
    """The jobs with these ids."""
    return await rows.many(JobNews, f"{_JOB} WHERE job.id = ANY($1)", list(ids))


async def current_jobs() -> list[JobNews]:
    """Jobs that wait or run, and the last ones that have ended; newest first."""
    sql = f"""
        {_JOB} WHERE job.id IN (
            (SELECT id FROM job WHERE status IN ('queued', 'running') ORDER BY created_at DESC LIMIT $1)
            UNION ALL
            (SELECT id FROM job WHERE status NOT IN ('queued', 'running')
             ORDER BY created_at DESC, id DESC LIMIT $2))
        ORDER BY job.created_at DESC, job.id DESC"""
    return await rows.many(JobNews, sql, MOST, ENDED)


async def clusters(ids: Sequence[uuid.UUID]) -> list[ClusterNews]:
    """The clusters with these ids."""
    sql = "SELECT id, tenant_id, name, status FROM cluster WHERE id = ANY($1)"
    return await rows.many(ClusterNews, sql, list(ids))


async def current_clusters() -> list[ClusterNews]:
    """Clusters that are not deleted, newest first."""
    sql = """
        SELECT id, tenant_id, name, status FROM cluster WHERE deleted_at IS NULL
        ORDER BY created_at DESC, id DESC LIMIT $1"""
    return await rows.many(ClusterNews, sql, MOST)
