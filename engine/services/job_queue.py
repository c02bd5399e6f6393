"""Puts a job into the queue: its row, its phases and its trigger, in the caller's transaction."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence

from engine import content
from engine.domain.retries import HostChoice
from engine.domain.statuses import JobType, PhaseStatus
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

    It works on `hosts`, or on every node of the cluster.
    """
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


def _asked_by(caller: Caller, schedule: records.Schedule | None) -> str:
    if caller.principal is not None:
        return caller.principal.email
    return f"schedule {schedule.name}" if schedule else ""
