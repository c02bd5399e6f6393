"""Jobs: shown, cancelled, retried."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

import msgspec

from engine.domain import permissions, retries, spec_rules
from engine.domain.errors import Conflict, NotFound
from engine.domain.permissions import Permission, Principal
from engine.domain.retries import HostChoice
from engine.domain.statuses import FINAL_JOB_STATUSES, READ_ONLY_JOBS, JobStatus, JobType
from engine.services import audit_log, clusters, job_queue, runs
from engine.services import retries as retrying
from engine.services.identity import Caller
from engine.store import clusters as cluster_rows
from engine.store import database, job_views, jobs, records
from engine.store.job_views import JobView, LimitedTo

__all__ = [
    "SORTS",
    "JobView",
    "LimitedTo",
    "Retried",
    "cancel",
    "counts",
    "get",
    "limited_to",
    "page",
    "parse_id",
    "retry",
]


SORTS = tuple(job_views.ORDERS)


class Retried(msgspec.Struct, frozen=True):
    """The new job, and the nodes that it works on."""

    job: records.Job
    hosts: Sequence[HostChoice]


def parse_id(text: str) -> uuid.UUID:
    """The id that a path names; raises NotFound for what cannot be one."""
    if not spec_rules.is_uuid(text):
        raise NotFound(f"There is no job {text[:100]!r}.")
    return uuid.UUID(text)


async def page(
    principal: Principal,
    *,
    status: JobStatus | None = None,
    cluster: str | None = None,
    job_type: JobType | None = None,
    search: str | None = None,
    sort: str | None = None,
    page: int,
    page_size: int,
) -> tuple[list[JobView], int]:
    """Jobs, newest first or as sorted, and how many. Interrupted ones count as failed, as they are shown."""
    permissions.require(principal, Permission.JOB_READ)
    found = await clusters.find(cluster) if cluster else None
    statuses = [JobStatus.FAILED, JobStatus.INTERRUPTED] if status is JobStatus.FAILED else [status]
    return await job_views.page(
        cluster_id=found.id if found else None,
        statuses=[wanted for wanted in statuses if wanted] or None,
        job_type=job_type,
        search=search,
        sort=sort,
        offset=(page - 1) * page_size,
        limit=page_size,
    )


async def get(principal: Principal, job_id: uuid.UUID) -> JobView:
    """The job with this id; raises NotFound."""
    permissions.require(principal, Permission.JOB_READ)
    found = await job_views.get(job_id)
    if found is None:
        raise _unknown(job_id)
    return found


async def limited_to(job: JobView) -> list[LimitedTo]:
    """The nodes that a retry works on, with the reasons; empty for a job that works on every node."""
    return [] if job.retry_hosts == retries.ALL else await job_views.limited_to(job.id)


async def cancel(job_id: uuid.UUID, caller: Caller) -> records.Job:
    """Ask for a job to stop: one in the queue is cancelled at once, a running one when it is safe to.

    Asking again changes nothing. Raises NotFound, JobAlreadyFinished.
    """
    principal = _allowed(caller, Permission.JOB_CANCEL)
    async with database.transaction():
        job = await runs.cancel(job_id, reason=f"Cancelled by {principal.email}.")
        await _record(caller, Permission.JOB_CANCEL, job, {})
    return job


async def retry(job_id: uuid.UUID, hosts: str | Sequence[str], caller: Caller) -> Retried:
    """Queue a new job that goes on at the first unfinished phase of one that did not succeed.

    `hosts` is `failed` (what the job did not finish), `all`, or names of nodes; control planes join where a
    remaining phase needs them.

    Raises NotFound, InvalidSpec for names that the cluster does not have, and Conflict for a job that is
    active, succeeded, or is not its cluster's latest.
    """
    _allowed(caller, Permission.JOB_RETRY)
    async with database.transaction():
        found = await _locked(job_id)
        cluster = await cluster_rows.get(found.cluster_id, lock=True)
        if cluster is None or cluster.deleted_at is not None:
            raise NotFound(f"The cluster of job {job_id} is deleted.")
        await _refuse_retry(found)
        finished = await retrying.finished_phases(found.id)
        selection = await retrying.select(found, hosts, finished)
        kind = hosts if isinstance(hosts, str) else retries.CHOSEN
        job = await job_queue.put(
            cluster,
            found.type,
            caller,
            retry_of=found.id,
            retry_hosts=kind,
            deletes_cluster=found.deletes_cluster,
            finished_phases=finished,
            # Half an applied plan does not fit the nodes any more; one that was not begun is compared again.
            plan_id=None if finished else found.plan_id,
            hosts=selection.hosts,
            left_out=selection.left_out,
        )
        await runs.derive_status(cluster.id)
        asked = hosts if isinstance(hosts, str) else ",".join(hosts)
        await _record(caller, Permission.JOB_RETRY, found, {"hosts": asked, "new_job_id": str(job.id)})
    return Retried(job, selection.hosts)


async def counts() -> dict[str, int]:
    """How many jobs have each status."""
    return await jobs.counts()


async def _refuse_retry(job: records.Job) -> None:
    if job.status not in FINAL_JOB_STATUSES:
        raise Conflict(f"Job {job.id} is {job.status.value}; only a job that has ended can be retried.")
    if job.status is JobStatus.SUCCESS and not job.left_out:
        again = JobType.PROVISION if job.type is JobType.DEPROVISION else job.type
        raise Conflict(
            f"Job {job.id} succeeded; there is nothing to retry.",
            remedy=f"POST /api/v1/clusters/{{id}}/{again.value} runs the whole playbook again.",
        )
    # Between a job and its retry somebody may have looked at the cluster; that changes nothing.
    others = READ_ONLY_JOBS - {job.type}
    latest = await jobs.latest_of_cluster(job.cluster_id, leaving_out=others)
    if latest is not None and latest.id != job.id:
        raise Conflict(
            f"Job {job.id} is not the latest of its cluster; {latest.id} is.",
            remedy="What an older job left undone may not fit any more: retry the latest one.",
        )


async def _locked(job_id: uuid.UUID) -> records.Job:
    found = await jobs.get(job_id, lock=True)
    if found is None:
        raise _unknown(job_id)
    return found


def _unknown(job_id: uuid.UUID) -> NotFound:
    return NotFound(f"There is no job {job_id}.")


def _allowed(caller: Caller, permission: Permission) -> Principal:
    assert caller.principal is not None
    permissions.require(caller.principal, permission)
    return caller.principal


async def _record(caller: Caller, permission: Permission, job: records.Job, details: dict[str, str]) -> None:
    resource = audit_log.Resource("job", str(job.id), f"{job.type.value} {job.cluster_id}", job.tenant_id)
    await audit_log.record(caller, permission.value, resource, details=details)
