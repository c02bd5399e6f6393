"""Plans as they are read: the list of a cluster's, and the whole of one by its job."""

from __future__ import annotations

import uuid

import msgspec

from engine.domain import permissions, plans
from engine.domain.errors import NotFound
from engine.domain.permissions import Permission, Principal
from engine.domain.statuses import CHECK_MODE_JOBS
from engine.services import clusters
from engine.store import job_views, records
from engine.store import plans as rows
from engine.store.plans import PlanLine

__all__ = ["PlanLine", "of_job", "page"]


async def page(
    principal: Principal, reference: str, *, page: int, page_size: int
) -> tuple[list[PlanLine], int]:
    """A cluster's plans and verifications, newest first, and how many in all; raises NotFound."""
    permissions.require(principal, Permission.CLUSTER_READ)
    cluster = await clusters.find(reference)
    return await rows.page(cluster.id, offset=(page - 1) * page_size, limit=page_size)


async def of_job(principal: Principal, job_id: uuid.UUID, *, host: str | None = None) -> records.Plan:
    """What a plan or verify job found; of one host when named.

    Raises NotFound, also for a job that has found nothing (yet) and for a host that the plan does not know.
    """
    permissions.require(principal, Permission.JOB_READ)
    found = await rows.of_job(job_id)
    if found is None:
        raise await _missing(job_id)
    if host is None:
        return found
    if host not in found.document.hosts:
        raise NotFound(f"The plan of job {job_id} knows no node {host[:100]!r}.")
    return msgspec.structs.replace(found, document=plans.only_host(found.document, host))


async def _missing(job_id: uuid.UUID) -> NotFound:
    job = await job_views.get(job_id)
    if job is None:
        return NotFound(f"There is no job {job_id}.")
    if job.type not in CHECK_MODE_JOBS:
        return NotFound(f"Job {job_id} is a {job.type.value} job; only plan and verify jobs make plans.")
    return NotFound(
        f"Job {job_id} has no plan: it is {job.status.value}.",
        remedy="A plan is there once the job has succeeded; old ones are dropped.",
    )
