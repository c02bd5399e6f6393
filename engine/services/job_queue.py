"""Puts a job into the queue: its row, its phases and its trigger, in the caller's transaction."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence

from engine import content
from engine.domain.errors import Conflict
from engine.domain.retries import HostChoice
from engine.domain.statuses import JOBS_ON_CLUSTERS, JobType, PhaseStatus
from engine.execution import plan
from engine.services.identity import Caller
from engine.store import job_hosts, jobs, nodes, phases, queue, records


async def put(
    cluster: records.Cluster,
    job_type: JobType,
    caller: Caller,
    *,
    retry_of: uuid.UUID | None = None,
    retry_hosts: str = "all",
    deletes_cluster: bool = False,
    schedule: records.Schedule | None = None,
    finished_phases: Collection[str] = (),
    plan_id: uuid.UUID | None = None,
    hosts: Sequence[HostChoice] | None = None,
    left_out: Sequence[str] = (),
) -> records.Job:
    """A queued job with the phases of its playbook; those that an earlier job finished start as skipped.

    It works on `hosts`, or on every node of the cluster. Raises Conflict when such a job has nothing to do
    on this cluster.
    """
    _refuse_pointless(cluster, job_type)
    principal = caller.principal
    job = records.Job(
        tenant_id=cluster.tenant_id,
        cluster_id=cluster.id,
        type=job_type,
        requested_by=uuid.UUID(principal.account_id) if principal else None,
        requested_by_email=_asked_by(caller, schedule),
        correlation_id=caller.correlation_id,
        retry_of=retry_of,
        retry_hosts=retry_hosts,
        deletes_cluster=deletes_cluster,
        schedule_id=schedule.id if schedule else None,
        plan_id=plan_id,
        left_out=list(left_out),
    )
    planned = plan.phases(content.playbooks() / f"{job_type.playbook}.yml")
    await jobs.add(job)
    await phases.add_many(
        [
            records.Phase(
                job_id=job.id,
                slug=phase.slug,
                name=phase.name,
                position=position,
                status=PhaseStatus.SKIPPED if phase.slug in finished_phases else PhaseStatus.PENDING,
            )
            for position, phase in enumerate(planned)
        ]
    )
    if hosts is None:
        hosts = [HostChoice(node.name, "") for node in await nodes.of_cluster(cluster.id)]
    await job_hosts.add(job.id, [(choice.host, choice.because) for choice in hosts])
    await queue.trigger(job.id)
    return job


def _refuse_pointless(cluster: records.Cluster, job_type: JobType) -> None:
    if job_type in JOBS_ON_CLUSTERS and cluster.kubeconfig_encrypted is None:
        raise Conflict(
            f"Cluster {cluster.name!r} is not provisioned: it is {cluster.status.value}.",
            remedy="Provision it first; with hardening switched on, that hardens it too.",
        )
    asked = cluster.spec.hardening
    if job_type is JobType.HARDEN and not asked.wanted:
        raise Conflict(
            f"No benchmark is switched on for cluster {cluster.name!r}: there is nothing to harden.",
            remedy="PATCH /api/v1/clusters/{id}/hardening switches one on.",
        )
    # What was applied before it was switched off is still there: such a cluster may well have a key.
    never = not asked.enable_cis_k8s_benchmark and cluster.hardening_changed_at is None
    if job_type is JobType.ROTATE_ENCRYPTION_KEY and never:
        raise Conflict(
            f"Cluster {cluster.name!r} encrypts nothing at rest: the CIS Kubernetes benchmark is off.",
            remedy="Switch it on by PATCH /api/v1/clusters/{id}/hardening and run a harden job.",
        )


def _asked_by(caller: Caller, schedule: records.Schedule | None) -> str:
    if caller.principal is not None:
        return caller.principal.email
    return f"schedule {schedule.name}" if schedule else ""
