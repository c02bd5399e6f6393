"""Plans as jobs make and apply them: kept when a run ends, chosen by hash, handed to the run that applies."""

from __future__ import annotations

import uuid

from engine.domain import plans as domain
from engine.domain.errors import Conflict, FieldProblem, InvalidSpec, NotFound
from engine.domain.plans import Document
from engine.store import clusters, plans, records


async def keep(job: records.Job, document: Document) -> None:
    """Write what a plan or verify job found; in the caller's transaction."""
    await plans.add(
        records.Plan(
            tenant_id=job.tenant_id,
            cluster_id=job.cluster_id,
            job_id=job.id,
            kind=job.type.value,
            hash=domain.plan_hash(document),
            facts_hash=domain.facts_hash(document),
            spec_hash=document.spec_hash,
            summary=domain.summary(document),
            document=document,
        )
    )


async def choose(cluster: records.Cluster, plan_hash: str) -> uuid.UUID:
    """The plan of a cluster that is to be applied.

    Raises InvalidSpec for what cannot be a hash, NotFound for one that is none of this cluster's plans, and
    Conflict when the spec has changed since.
    """
    if not domain.is_hash(plan_hash):
        raise InvalidSpec([FieldProblem("plan_hash", "must be a plan's hash: 64 hexadecimal digits")])
    found = await plans.by_hash(cluster.id, plan_hash)
    if found is None:
        raise NotFound(
            f"Cluster {cluster.name!r} has no plan with hash {plan_hash[:12]}….",
            remedy="GET /api/v1/clusters/{id}/plans lists its plans.",
        )
    if domain.spec_hash(await clusters.spec(cluster)) != found.spec_hash:
        raise Conflict(
            f"The spec of cluster {cluster.name!r} has changed since the plan was made.",
            remedy="Make a new plan, read it and apply that.",
        )
    return found.id


async def applied_by(job: records.Job) -> Document | None:
    """The plan that a job applies, None for a job that applies none. Raises NotFound when it was dropped."""
    if job.plan_id is None:
        return None
    found = await plans.get(job.plan_id)
    if found is None:
        raise NotFound("The plan to apply is not kept any more.", remedy="Make a new plan and apply that.")
    return found.document
