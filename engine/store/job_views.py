"""Jobs as they are shown: with their cluster's name and their phases, in one query."""

from __future__ import annotations

import uuid
from datetime import datetime

import msgspec

from engine.domain.estimates import Expectation
from engine.domain.statuses import JobStatus, JobType, PhaseStatus
from engine.store import database, rows
from engine.store.cluster_views import TENANT, TenantName


class PhaseView(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a job."""

    slug: str
    name: str
    status: PhaseStatus
    started_at: datetime | None
    finished_at: datetime | None


class HostCounts(msgspec.Struct, frozen=True, kw_only=True):
    """How many hosts a job works on, how many it lost, and on how many it changed something."""

    total: int
    failed: int
    unreachable: int
    changed: int


class LimitedTo(msgspec.Struct, frozen=True, kw_only=True):
    """A node that a retry works on, and why."""

    host: str
    because: str


class JobView(msgspec.Struct, frozen=True, kw_only=True):
    """A job with what belongs to it."""

    id: uuid.UUID
    cluster_id: uuid.UUID
    cluster_name: str
    tenant: TenantName
    type: JobType
    status: JobStatus
    reason: str | None
    message: str | None
    retry_of: uuid.UUID | None
    schedule_id: uuid.UUID | None
    worker: str | None
    retry_hosts: str
    left_out: list[str]
    requested_by_email: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    last_sequence: int
    expectation: Expectation | None
    phases: list[PhaseView]
    hosts: HostCounts


#: What a list can be sorted by.
ORDERS = {
    "type": "job.type",
    "cluster": "cluster.name",
    "status": "job.status",
    "created_by": "job.requested_by_email",
    "created_at": "job.created_at",
    "started_at": "job.started_at",
    "finished_at": "job.finished_at",
    "duration": "coalesce(job.finished_at, now()) - job.started_at",
}
_SELECT = f"""
    SELECT job.id, job.cluster_id, cluster.name AS cluster_name, {TENANT}, job.type, job.status, job.reason,
        job.message, job.retry_of, job.retry_hosts, job.left_out, job.schedule_id, job.worker,
        job.expectation, job.requested_by_email, job.created_at, job.started_at, job.finished_at,
        job.last_sequence, coalesce((
            SELECT jsonb_agg(jsonb_build_object(
                'slug', phase.slug, 'name', phase.name, 'status', phase.status,
                'started_at', phase.started_at, 'finished_at', phase.finished_at) ORDER BY phase.position)
            FROM phase WHERE phase.job_id = job.id), '[]'::jsonb) AS phases, (
            SELECT jsonb_build_object('total', count(*),
                'failed', count(*) FILTER (WHERE lost = 'failed'),
                'unreachable', count(*) FILTER (WHERE lost = 'unreachable'),
                'changed', count(*) FILTER (WHERE lost IS NULL AND changed > 0))
            FROM job_host WHERE job_host.job_id = job.id) AS hosts
    FROM job JOIN cluster ON cluster.id = job.cluster_id JOIN tenant ON tenant.id = job.tenant_id"""


class Progress(msgspec.Struct, frozen=True):
    """How far a job is, for streams."""

    status: JobStatus
    last_sequence: int


async def get(job_id: uuid.UUID) -> JobView | None:
    """The job with this id."""
    return await rows.one(JobView, f"{_SELECT} WHERE job.id = $1", job_id)


async def limited_to(job_id: uuid.UUID) -> list[LimitedTo]:
    """The nodes that a retry works on."""
    sql = "SELECT host, because FROM job_host WHERE job_id = $1 ORDER BY position, host"
    return await rows.many(LimitedTo, sql, job_id)


async def progress(job_id: uuid.UUID) -> Progress | None:
    """How far a job is."""
    return await rows.one(Progress, "SELECT status, last_sequence FROM job WHERE id = $1", job_id)


async def page(
    *,
    cluster_id: uuid.UUID | None,
    statuses: list[JobStatus] | None,
    job_type: JobType | None,
    search: str | None = None,
    sort: str | None = None,
    offset: int,
    limit: int,
) -> tuple[list[JobView], int]:
    """Jobs, newest first or as sorted, and how many in all.

    `search` is part of a cluster's name or of who asked, or how an id begins; `sort` one of ORDERS, with "-"
    before it from the last on.
    """
    chosen = rows.Filter()
    chosen.add("job.cluster_id = {}", cluster_id)
    chosen.add("job.status = ANY({}::text[])", statuses and [status.value for status in statuses])
    chosen.add("job.type = {}", job_type)
    if (needle := rows.needle(search)) is not None:
        chosen.add("position({} in lower(cluster.name || ' ' || job.requested_by_email)) > 0", needle)
        either = chosen.conditions.pop()
        chosen.always(f"({either} OR starts_with(job.id::text, ${len(chosen.values)}))")
    place = len(chosen.values)
    newest = "job.created_at DESC, job.id DESC"
    order = f"ORDER BY {rows.order_by(sort, ORDERS, default=newest, last=newest)}"
    source = "job JOIN cluster ON cluster.id = job.cluster_id" if sort or needle else "job"
    # The page is chosen first: phases and hosts of the jobs before it are not looked at.
    ids = f"SELECT job.id FROM {source}{chosen.where} {order} OFFSET ${place + 1} LIMIT ${place + 2}"
    sql = f"{_SELECT} WHERE job.id IN ({ids}) {order}"
    found = await rows.many(JobView, sql, *chosen.values, offset, limit)
    if found and not offset and len(found) < limit:
        return found, len(found)
    counted = await database.fetch_one(f"SELECT count(*) AS n FROM {source}{chosen.where}", *chosen.values)
    return found, counted["n"] if counted else 0
