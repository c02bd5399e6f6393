"""What a retry does again: from which phase, and on which nodes."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from typing import Any

from engine import content
from engine.domain import retries
from engine.domain.errors import FieldProblem, InvalidSpec
from engine.domain.recaps import HostStatus
from engine.domain.retries import LastRun, LeftPhase, Selection
from engine.domain.statuses import READ_ONLY_JOBS, JobStatus, JobType, NodeStatus, PhaseStatus
from engine.execution import inventory, plan
from engine.store import clusters, job_hosts, jobs, nodes, phases, records

_DONE = frozenset({PhaseStatus.SUCCEEDED, PhaseStatus.SKIPPED})
_LOOKS = "scan-"  # how the slugs of phases begin that change nothing: a report needs what all of them find
_STOPPED = frozenset({JobStatus.CANCELLED, JobStatus.INTERRUPTED})


async def finished_phases(job_id: uuid.UUID) -> frozenset[str]:
    """Slugs of phases that every node is through with when this job has ended.

    Nodes that a retry left out are only through with what the job before it had finished. Scanners look
    again.
    """
    job = await jobs.get(job_id)
    if job is None or job.type in READ_ONLY_JOBS:  # half a look is none
        return frozenset()
    cluster = await clusters.get(job.cluster_id)
    changed_at = None if cluster is None else cluster.hardening_changed_at
    if changed_at is not None and changed_at > job.created_at:  # what is done was done by other settings
        return frozenset()
    left = [phase.slug for phase in await phases.of_job(job_id) if phase.status in _DONE]
    done = frozenset(slug for slug in left if not slug.startswith(_LOOKS))
    if job.left_out and job.retry_of is not None:
        return done & await finished_phases(job.retry_of)
    return done


async def select(job: records.Job, wanted: str | Sequence[str], finished: frozenset[str]) -> Selection:
    """The nodes that a retry of this job works on. Jobs that only look, look at every node.

    Raises InvalidSpec for unknown nodes, and where a deprovision would leave nodes behind.
    """
    members = await nodes.of_cluster(job.cluster_id)
    if job.type in READ_ONLY_JOBS and isinstance(wanted, str):
        wanted = retries.ALL
    run = LastRun(
        nodes={node.name: node.role for node in members},
        hosts=await _hosts(job, members),
        left_out=job.left_out,
        phases=await _left(job, members, finished),
    )
    selection = retries.select(wanted, run)
    if job.type in READ_ONLY_JOBS and len(selection.hosts) < len(members):
        raise InvalidSpec([FieldProblem("hosts", f"must be all: a {job.type} looks at every node")])
    if job.type is JobType.DEPROVISION and selection.left_out:
        problem = (
            f"must include {', '.join(selection.left_out)}: a deprovision forgets every node when it succeeds"
        )
        raise InvalidSpec([FieldProblem("hosts", problem)])
    return selection


def through(job: records.Job, worked_on: Collection[str], names: Sequence[str]) -> frozenset[str]:
    """Nodes that a retry was not made for because the job before it had brought them through."""
    if job.retry_hosts == retries.ALL:
        return frozenset()
    return frozenset(names) - set(worked_on) - set(job.left_out)


async def _hosts(job: records.Job, members: Sequence[records.Node]) -> dict[str, HostStatus]:
    recap = {view.host: view.status for view in await job_hosts.of_job(job.id)}
    if recap:
        return recap
    # Jobs of earlier versions have no recap; their nodes' status is what is known.
    return {
        node.name: HostStatus.OK if node.status is NodeStatus.READY else HostStatus.FAILED for node in members
    }


async def _left(
    job: records.Job, members: Sequence[records.Node], finished: frozenset[str]
) -> list[LeftPhase]:
    status = {phase.slug: phase.status for phase in await phases.of_job(job.id)}
    planned = plan.phases(content.playbooks() / f"{job.type.playbook}.yml")
    tags = plan.remaining(planned, finished) if finished else tuple(phase.slug for phase in planned)
    groups = _groups(members)
    left = []
    for phase in planned:
        if phase.slug in tags:
            named = inventory.resolve(groups, phase.targets)
            reached = status.get(phase.slug, PhaseStatus.PENDING)
            cut = reached is PhaseStatus.FAILED and job.status in _STOPPED
            left.append(
                LeftPhase(
                    name=phase.name,
                    targets=frozenset(node.name for node in members) if named is None else frozenset(named),
                    ended=reached not in (PhaseStatus.PENDING, PhaseStatus.RUNNING) and not cut,
                    needs_control_plane=phase.needs_control_plane,
                )
            )
    return left


def _groups(members: Sequence[records.Node]) -> dict[str, Any]:
    groups: dict[str, Any] = {
        group: {"hosts": {node.name: {} for node in members if node.role is role}}
        for role, group in inventory.GROUP_OF_ROLE.items()
    }
    return {"all": {"children": {"k8s_cluster": {"children": groups}}}}


def limit_of(job: records.Job, chosen: Sequence[str], names: Sequence[str]) -> tuple[str, ...]:
    """The nodes of a retry on some of them; empty when it works on all."""
    if job.retry_hosts == retries.ALL:
        return ()
    kept = tuple(name for name in names if name in set(chosen))
    return () if len(kept) == len(names) else kept
