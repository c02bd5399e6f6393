"""The life of a run in the database: claimed, told event by event, ended; each step fenced by the attempt.

The supervisor of a run calls most of this; the worker claims, and buries runs whose supervisor died.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping, Sequence

import asyncpg
import msgspec

from engine.domain import cluster_status, plans
from engine.domain.cluster_status import Certificate, EndedRun, HostResult
from engine.domain.errors import JobAlreadyFinished, NotFound
from engine.domain.events import EventKind, RunEvent
from engine.domain.leases import DEFAULT_SECONDS
from engine.domain.plans import Document
from engine.domain.specs import ClusterSpec, SshSecrets
from engine.domain.statuses import (
    CHECK_MODE_JOBS,
    FINAL_JOB_STATUSES,
    OTHER_JOBS,
    READ_ONLY_JOBS,
    STATUS_JOBS,
    ClusterStatus,
    JobStatus,
    JobType,
    NodeStatus,
    PhaseStatus,
)
from engine.services import estimates, job_outbox, retries, stored_plans
from engine.services.encryption import Cipher
from engine.store import (
    clusters,
    database,
    events,
    hardening_reports,
    job_hosts,
    jobs,
    nodes,
    phases,
    queue,
    records,
    ssh_credentials,
    workers,
)


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a supervisor needs to know to do its job."""

    job: records.Job
    spec: ClusterSpec
    secrets: SshSecrets
    finished_phases: frozenset[str]  # slugs that an earlier attempt finished
    limit: tuple[str, ...]  # nodes to work on; empty = all
    plan: Document | None = None  # to be applied only while the nodes are as it says
    unswept: tuple[uuid.UUID, ...]  # earlier runs that were stopped: their rest on the nodes ends first


class Site(msgspec.Struct, frozen=True):
    """Where a job works, and with what right."""

    spec: ClusterSpec
    secrets: SshSecrets


class Lease(msgspec.Struct, frozen=True):
    """What a renewal found."""

    ours: bool
    cancel_requested: bool


class NodeReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a run left about a node (`nodes/NAME.json`)."""

    machine_id: str = ""
    kubelet_version: str | None = None
    certificates: tuple[Certificate, ...] = ()  # of a control plane


class RunResult(msgspec.Struct, frozen=True, kw_only=True):
    """How a run ended and what it left."""

    status: JobStatus
    reason: str | None = None
    message: str | None = None  # the first failure, for the operator
    hosts: Mapping[str, HostResult] = {}
    phases: Mapping[str, PhaseStatus] = {}
    host_keys: Mapping[str, tuple[str, ...]] = {}  # learned
    reports: Mapping[str, NodeReport] = {}
    kubeconfig: str | None = None
    plan: Document | None = None  # what a plan or verify job found

    def __repr__(self) -> str:
        return f"RunResult(status={self.status.value!r}, ...)"


async def claim(job_id: uuid.UUID, worker: str) -> int | None:
    """Make a queued job ours and its cluster's only running one; the attempt number, or None.

    Of several claimers one wins; a duplicate trigger finds nothing to claim.
    """
    try:
        async with database.transaction():
            attempt = await jobs.claim(job_id, worker)
            if attempt is None:
                return None
            job = await _job(job_id)
            if job.type is JobType.PROVISION:
                await _nodes_begin(job)
            await derive_status(job.cluster_id)
            return attempt
    except asyncpg.UniqueViolationError:  # another job of the cluster was claimed in the same moment
        return None


async def load(
    job_id: uuid.UUID, attempt: int, cipher: Cipher, lease_seconds: float = DEFAULT_SECONDS
) -> Assignment:
    """What the supervisor of this attempt, this process, has to do. A claim that nobody began is given back.

    Raises events.Fenced when the job is another's, NotFound when the cluster has no credential any more.
    """
    job = await jobs.begin(job_id, attempt, os.getpid(), lease_seconds)
    if job is None:
        raise events.Fenced(f"Job {job_id} is not run by attempt {attempt} any more.")
    found = await site(job, cipher)
    return Assignment(
        job=job,
        spec=found.spec,
        secrets=found.secrets,
        finished_phases=await retries.finished_phases(job.retry_of) if job.retry_of else frozenset(),
        limit=await _limit(job, found.spec),
        unswept=tuple(await jobs.unswept(job.cluster_id)),
        plan=await stored_plans.applied_by(job),
    )


async def site(job: records.Job, cipher: Cipher) -> Site:
    """Where a job works. Raises NotFound when its cluster has no credential any more."""
    cluster = await clusters.get(job.cluster_id)
    credential = await ssh_credentials.of_cluster(job.cluster_id)
    if cluster is None or credential is None:
        raise NotFound(f"Cluster {job.cluster_id} has no SSH credential.", remedy="Create the cluster again.")
    return Site(await clusters.spec(cluster), cipher.decrypt_secrets(credential.secrets_encrypted))


async def begin(job_id: uuid.UUID, planned: Sequence[tuple[str, str]], skipped: frozenset[str]) -> None:
    """Write the phases (slug, name) of a run; those in `skipped` are done already."""
    await phases.add_many(
        [
            records.Phase(
                job_id=job_id,
                slug=slug,
                name=name,
                position=position,
                status=PhaseStatus.SKIPPED if slug in skipped else PhaseStatus.PENDING,
            )
            for position, (slug, name) in enumerate(planned)
        ]
    )
    await estimates.expect(job_id)


async def append(job_id: uuid.UUID, attempt: int, batch: Sequence[RunEvent]) -> None:
    """Write numbered events and what they say about phases, all or nothing. Sending them again is harmless.

    Raises events.Fenced when the job is another's.
    """
    async with database.transaction():
        stored = await jobs.last_sequence(job_id)
        await events.append(job_id, attempt, batch)
        fresh = [event for event in batch if event.sequence > stored]
        await job_hosts.count(job_id, fresh)
        for event in fresh:
            if event.phase is None:
                continue
            if event.kind is EventKind.PHASE_STARTED:
                await phases.move(job_id, event.phase, PhaseStatus.RUNNING)
            elif event.kind is EventKind.PHASE_FINISHED:
                await phases.move(job_id, event.phase, PhaseStatus(event.data["status"]))


async def renew(job_id: uuid.UUID, attempt: int) -> Lease:
    """Show life, and learn whether the job is still ours and whether somebody wants it to end."""
    job = await jobs.renew_lease(job_id, attempt)
    return Lease(
        ours=job is not None, cancel_requested=job is not None and job.cancel_requested_at is not None
    )


async def finish(
    job_id: uuid.UUID, attempt: int, result: RunResult, rest: Sequence[RunEvent], cipher: Cipher
) -> bool:
    """End a run: its last events, its status, what it observed, and the trigger of the cluster's next job.

    All of it or nothing; can be repeated after a lost connection. False when the job is another's.
    """
    async with database.transaction():
        job = await jobs.get(job_id, lock=True)
        if job is None or job.attempt != attempt:
            return False
        if job.status in FINAL_JOB_STATUSES:  # an earlier call got through, only its answer did not
            return job.status is result.status
        if rest:
            await append(job_id, attempt, rest)
        for slug, status in result.phases.items():
            if status not in (PhaseStatus.PENDING, PhaseStatus.RUNNING):
                await phases.move(job_id, slug, status)
        await _end(job, result, cipher)
    return True


async def mark_interrupted(
    job_id: uuid.UUID,
    attempt: int,
    reason: str,
    cipher: Cipher,
    *,
    told: Sequence[str] = (),
    host_keys: Mapping[str, tuple[str, ...]] = {},
) -> bool:
    """Bury a run whose supervisor is proven dead: what is `told` about it, the host keys it had learned, its
    last event, its status, the cluster's next job.

    Returns False when it had ended by itself.
    """
    result = RunResult(status=JobStatus.INTERRUPTED, reason=reason, host_keys=host_keys)
    async with database.transaction():
        job = await jobs.get(job_id, lock=True)
        if job is None or job.attempt != attempt or job.status is not JobStatus.RUNNING:
            return False
        for text in told:
            await events.append_next(job_id, attempt, message_event(text))
        await events.append_next(job_id, attempt, finished_event(result))
        await _end(job, result, cipher)
    return True


async def cancel(job_id: uuid.UUID, *, reason: str = "Cancelled before it started.") -> records.Job:
    """Cancel a job: at once when it is queued; a running one is asked to stop, and ends when it has.

    Returns the job as it is now. Raises NotFound, or JobAlreadyFinished.
    """
    async with database.transaction():
        job = await jobs.get(job_id, lock=True)
        if job is None:
            raise NotFound(f"There is no job {job_id}.")
        if job.status in FINAL_JOB_STATUSES:
            raise JobAlreadyFinished(f"Job {job_id} has ended already: {job.status.value}.")
        if job.status is JobStatus.RUNNING:
            return await jobs.request_cancel(job_id) or job
        await jobs.cancel_queued(job_id, reason)
        result = RunResult(status=JobStatus.CANCELLED, reason=reason)
        await events.append_next(job_id, job.attempt, finished_event(result))
        await derive_status(job.cluster_id)
        await job_outbox.put(job.id)
        await _trigger_next(job.cluster_id)
        return await _job(job_id)


async def derive_status(cluster_id: uuid.UUID) -> ClusterStatus:
    """Set a cluster's status from its jobs; call it whenever one of them was made, claimed or ended."""
    cluster = await clusters.get(cluster_id, lock=True)
    if cluster is None:
        raise NotFound(f"There is no cluster {cluster_id}.")
    active = [job for job in await jobs.active_of_cluster(cluster_id) if job.type in STATUS_JOBS]
    active.sort(key=lambda job: job.status is not JobStatus.RUNNING)
    last = await jobs.last_ended(cluster_id, leaving_out=OTHER_JOBS, not_because=plans.REFUSALS)
    status = cluster_status.derive(
        deleted=cluster.deleted_at is not None,
        provisioned=cluster.kubeconfig_encrypted is not None,
        active=active[0].type if active else None,
        last=(last.type, last.status) if last else None,
    )
    if status is not cluster.status:
        await clusters.update(cluster_id, status=status)
    return status


def finished_event(result: RunResult) -> RunEvent:
    """The event that closes a job's log; it has no number yet."""
    return RunEvent(
        kind=EventKind.JOB_FINISHED,
        created_at=records.now(),
        message=result.message or result.reason or "",
        data={"status": result.status.value, "reason": result.reason or ""},
    )


def message_event(text: str) -> RunEvent:
    """Something that Keelyard itself has to say; it has no number yet."""
    return RunEvent(kind=EventKind.MESSAGE, created_at=records.now(), message=text)


async def _end(job: records.Job, result: RunResult, cipher: Cipher) -> None:
    await phases.fail_running(job.id)
    await jobs.end(job.id, job.attempt, result.status, reason=result.reason, message=result.message)
    if result.plan is not None and result.status is JobStatus.SUCCESS and job.type in CHECK_MODE_JOBS:
        await stored_plans.keep(job, result.plan)
    await _keep_observations(job, result, cipher)
    await derive_status(job.cluster_id)
    await job_outbox.put(job.id)
    await _trigger_next(job.cluster_id)
    await workers.wake()


async def _keep_observations(job: records.Job, result: RunResult, cipher: Cipher) -> None:
    cluster = await clusters.get(job.cluster_id, lock=True)
    assert cluster is not None
    members = await nodes.of_cluster(cluster.id)
    run = EndedRun(
        through=retries.through(job, result.hosts, [node.name for node in members]),
        job_type=job.type,
        status=result.status,
        hosts=result.hosts,
        at=records.now(),
        kubeconfig=result.kubeconfig is not None,
        refused=result.reason in plans.REFUSALS,
        drift=plans.drift_message(result.plan) if result.plan is not None else None,
        hardening=cluster.spec.hardening,
        failing=await hardening_reports.failing(job.id),
        certificates={name: each.certificates for name, each in result.reports.items() if each.certificates},
    )
    removed = job.type is JobType.DEPROVISION and result.status is JobStatus.SUCCESS
    changes: dict[str, object] = {"conditions": cluster_status.conditions(cluster.conditions, run)}
    if removed:
        changes["kubeconfig_encrypted"] = None
    elif result.kubeconfig is not None and job.type not in READ_ONLY_JOBS:
        changes["kubeconfig_encrypted"] = cipher.encrypt(result.kubeconfig)
    await clusters.update(cluster.id, **changes)
    for node in members:
        await _keep_node(node, run, result, removed=removed)
    if removed and job.deletes_cluster:
        await nodes.set_status(cluster.id, NodeStatus.REMOVED)
        await ssh_credentials.forget(cluster.id)
        await clusters.mark_deleted(cluster.id)


async def _keep_node(node: records.Node, run: EndedRun, result: RunResult, *, removed: bool) -> None:
    changes: dict[str, object] = {"status": cluster_status.node_status(node.status, node.name, run)}
    seen = run.hosts.get(node.name)
    if seen is not None and not seen.unreachable:
        changes["last_seen"] = run.at
    if node.name in result.host_keys and not node.host_keys:  # learned once, pinned from then on
        changes["host_keys"] = list(result.host_keys[node.name])
    if removed:
        changes |= {"machine_id": "", "kubernetes_version": None}
    elif (report := result.reports.get(node.name)) and run.job_type not in READ_ONLY_JOBS:
        if report.machine_id:
            changes["machine_id"] = report.machine_id
        if report.kubelet_version:
            changes["kubernetes_version"] = report.kubelet_version.removeprefix("v")
    await nodes.update(node.id, **changes)


async def _nodes_begin(job: records.Job) -> None:
    worked_on = {view.host for view in await job_hosts.of_job(job.id)}
    for node in await nodes.of_cluster(job.cluster_id):
        concerned = not worked_on or node.name in worked_on
        if concerned and node.status in (NodeStatus.PENDING, NodeStatus.FAILED):
            await nodes.update(node.id, status=NodeStatus.PROVISIONING)


async def _trigger_next(cluster_id: uuid.UUID) -> None:
    following = await jobs.next_of_cluster(cluster_id)
    if following is not None:
        await queue.trigger(following)


async def _job(job_id: uuid.UUID) -> records.Job:
    job = await jobs.get(job_id)
    if job is None:
        raise NotFound(f"There is no job {job_id}.")
    return job


async def _limit(job: records.Job, spec: ClusterSpec) -> tuple[str, ...]:
    """The nodes that a retry was made for; empty means all."""
    chosen = [view.host for view in await job_hosts.of_job(job.id)]
    return retries.limit_of(job, chosen, [node.name for node in spec.nodes])
