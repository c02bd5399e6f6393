"""The life of a run in the database: claim, fencing, events, end."""

from __future__ import annotations

import asyncio
import uuid

import msgspec
import pytest

from engine.domain.cluster_status import HostResult
from engine.domain.errors import JobAlreadyFinished
from engine.domain.events import EventKind, RunEvent
from engine.domain.statuses import ClusterStatus, JobStatus, JobType, NodeStatus, PhaseStatus
from engine.services import runs
from engine.store import (
    clusters,
    database,
    events,
    jobs,
    nodes,
    notifications,
    phases,
    queue,
    records,
    workers,
)
from tests.integration import factories
from tests.integration.factories import CIPHER


def told(sequence: int, kind: EventKind = EventKind.MESSAGE, **values: object) -> RunEvent:
    return RunEvent(kind=kind, created_at=records.now(), sequence=sequence, **values)


async def triggers() -> list[str]:
    rows = await database.fetch("SELECT args FROM procrastinate_jobs WHERE status = 'todo' ORDER BY id")
    return [row["args"]["job_id"] for row in rows]


async def running_job() -> tuple[records.Cluster, records.Job, int]:
    cluster = await factories.cluster()
    job = await factories.job(cluster)
    attempt = await runs.claim(job.id, "worker")
    assert attempt is not None
    return cluster, job, attempt


async def test_a_rolled_back_request_leaves_neither_job_nor_trigger(store):
    """The queue's entry is written in the same transaction as the rows."""
    cluster = await factories.cluster()
    job = records.Job(
        cluster_id=cluster.id, type=JobType.PROVISION, requested_by=None, requested_by_email="x"
    )

    async def failing_request() -> None:
        async with database.transaction():
            await jobs.add(job)
            await queue.trigger(job.id)
            raise RuntimeError("the request fails")

    with pytest.raises(RuntimeError, match="the request fails"):
        await failing_request()

    assert await jobs.get(job.id) is None
    assert await triggers() == []


async def test_of_many_claimers_one_wins(store):
    """Duplicate delivery starts nothing."""
    job = await factories.job(await factories.cluster())

    attempts = await asyncio.gather(*(runs.claim(job.id, f"worker-{number}") for number in range(8)))

    assert sorted(attempts, key=str) == [1, *[None] * 7]


async def test_two_jobs_of_one_cluster_claimed_at_once_do_not_both_run(store):
    """The partial unique index decides, not the check before it."""
    cluster = await factories.cluster()
    both = [await factories.job(cluster) for _ in range(2)]

    attempts = await asyncio.gather(*(runs.claim(job.id, "worker") for job in both))

    assert attempts == [1, None]
    assert await workers.waiting(10) == []


async def test_the_next_job_is_triggered_when_the_first_ends(store):
    """In the same transaction, so nobody has to poll."""
    cluster, first, attempt = await running_job()
    second = await factories.job(cluster)
    await database.fetch("DELETE FROM procrastinate_jobs")
    assert await runs.claim(second.id, "worker") is None

    await runs.finish(first.id, attempt, runs.RunResult(status=JobStatus.FAILED, message="no"), [], CIPHER)

    assert await triggers() == [str(second.id)]
    assert await runs.claim(second.id, "worker") == 1


async def test_a_writer_that_lost_the_job_changes_nothing(store):
    """Every statement of a run names its attempt."""
    _, job, attempt = await running_job()
    await database.fetch("UPDATE job SET attempt = attempt + 1 WHERE id = $1", job.id)

    with pytest.raises(events.Fenced):
        await runs.append(job.id, attempt, [told(1)])
    assert (await runs.renew(job.id, attempt)).ours is False
    result = runs.RunResult(status=JobStatus.SUCCESS)
    assert await runs.finish(job.id, attempt, result, [], CIPHER) is False
    assert (await jobs.get(job.id)).status is JobStatus.RUNNING
    assert await events.read(job.id) == []


async def test_replayed_events_leave_no_gap_and_no_duplicate(store):
    """A batch whose answer was lost is sent again, alone or in another cut."""
    _, job, attempt = await running_job()
    log = [told(number, message=f"line {number}") for number in range(1, 1201)]
    for start, end in ((0, 500), (0, 500), (300, 900), (0, 1200), (1100, 1200)):
        await runs.append(job.id, attempt, log[start:end])

    stored = [*await events.read(job.id, limit=1000), *await events.read(job.id, after=1000, limit=1000)]

    assert [event.sequence for event in stored] == list(range(1, 1201))
    assert stored[1199].message == "line 1200"
    with pytest.raises(events.SequenceGap):
        await runs.append(job.id, attempt, [told(1300)])


async def test_listeners_hear_the_last_sequence(store):
    """Only once the events can be read."""
    _, job, attempt = await running_job()
    hub = notifications.Hub(store, [events.CHANNEL])
    await hub.start()
    try:
        async with hub.subscribe(events.CHANNEL) as payloads:
            await runs.append(job.id, attempt, [told(1), told(2)])

            assert await asyncio.wait_for(payloads.get(), 5) == f"{job.id}:2"
    finally:
        await hub.stop()


async def test_events_can_hold_what_nodes_print(store):
    """NUL, half surrogates and anything else: PostgreSQL refuses some of it, and yet it stays visible."""
    _, job, attempt = await running_job()
    await runs.append(job.id, attempt, [told(1, message="a\x00b\ud800c", data={"k\x00": ["\x00", "\udfff"]})])

    [event] = await events.read(job.id)

    assert event.message == "a␀b\\ud800c"
    assert event.data == {"k␀": ["␀", "\\udfff"]}


async def test_phases_follow_the_events(store):
    """What the log says about a phase is in the phase's row in the same transaction."""
    _, job, attempt = await running_job()
    await runs.begin(job.id, [("preflight", "Check"), ("join", "Join"), ("verify", "Verify")], frozenset())
    started = {"kind": EventKind.PHASE_STARTED}
    finished = {"kind": EventKind.PHASE_FINISHED}
    await runs.append(
        job.id,
        attempt,
        [
            told(1, phase="preflight", **started),
            told(2, phase="preflight", data={"status": "succeeded"}, **finished),
            told(3, phase="join", **started),
        ],
    )
    found = {phase.slug: phase for phase in await phases.of_job(job.id)}

    assert found["preflight"].status is PhaseStatus.SUCCEEDED
    assert found["preflight"].finished_at is not None
    assert found["join"].status is PhaseStatus.RUNNING
    assert found["verify"].status is PhaseStatus.PENDING


async def test_success_stores_what_the_run_observed(store):
    """Kubeconfig encrypted, machine ids recorded, host keys pinned, conditions set."""
    cluster, job, attempt = await running_job()
    assert (await clusters.get(cluster.id)).status is ClusterStatus.PROVISIONING
    await database.fetch("UPDATE node SET host_keys = '[]' WHERE name = 'worker-1'")
    result = runs.RunResult(
        status=JobStatus.SUCCESS,
        hosts={name: HostResult() for name in factories.NODES},
        host_keys={"worker-1": ("ssh-ed25519 AAAA",), "cp-1": ("ssh-ed25519 OTHER",)},
        reports={"cp-1": runs.NodeReport(machine_id="abc", kubelet_version="v1.36.1")},
        kubeconfig="apiVersion: v1",
    )

    assert await runs.finish(job.id, attempt, result, [told(1)], CIPHER)

    after = await clusters.get(cluster.id)
    first, second = await nodes.of_cluster(cluster.id)
    assert after.status is ClusterStatus.RUNNING
    assert CIPHER.decrypt(after.kubeconfig_encrypted) == "apiVersion: v1"
    assert {condition.status for condition in after.conditions} == {"True"}
    assert (first.machine_id, first.kubernetes_version, first.status) == ("abc", "1.36.1", NodeStatus.READY)
    assert second.host_keys == ["ssh-ed25519 AAAA"]
    assert first.host_keys != ["ssh-ed25519 OTHER"]  # pinned once, never replaced


async def test_finishing_again_after_a_lost_answer_is_the_same_end(store):
    """The supervisor cannot know whether its commit got through."""
    _, job, attempt = await running_job()
    result = runs.RunResult(status=JobStatus.FAILED, message="cp-1: no")
    rest = [told(1), msgspec.structs.replace(runs.finished_event(result), sequence=2)]

    assert await runs.finish(job.id, attempt, result, rest, CIPHER)
    assert await runs.finish(job.id, attempt, result, rest, CIPHER)
    assert [event.kind for event in await events.read(job.id)] == [EventKind.MESSAGE, EventKind.JOB_FINISHED]


async def test_failed_nodes_and_the_others_are_told_apart(store):
    """Results of the other nodes are kept."""
    cluster, job, attempt = await running_job()
    hosts = {"cp-1": HostResult(), "worker-1": HostResult(unreachable=True)}
    result = runs.RunResult(status=JobStatus.FAILED, message="worker-1: silent", hosts=hosts)
    await runs.finish(job.id, attempt, result, [], CIPHER)

    found = {node.name: node for node in await nodes.of_cluster(cluster.id)}
    reachable = (await clusters.get(cluster.id)).conditions[0]

    assert found["worker-1"].status is NodeStatus.FAILED
    assert found["worker-1"].last_seen is None
    assert found["cp-1"].last_seen is not None
    assert (reachable.status, reachable.message) == ("False", "No answer from worker-1.")


async def test_deprovision_on_request_deletes_the_cluster(store):
    """Its name is free again, and its secrets are gone."""
    cluster = await factories.cluster("prod")
    job = await factories.job(cluster, JobType.DEPROVISION, deletes_cluster=True)
    attempt = await runs.claim(job.id, "worker")
    hosts = {name: HostResult() for name in factories.NODES}
    await runs.finish(job.id, attempt, runs.RunResult(status=JobStatus.SUCCESS, hosts=hosts), [], CIPHER)

    after = await clusters.get(cluster.id)

    assert after.status is ClusterStatus.DELETED
    assert after.deleted_at is not None
    assert await database.fetch("SELECT 1 FROM ssh_credential") == []
    await factories.cluster("prod")


async def test_cancel_of_a_queued_job_is_immediate(store):
    """It leaves the log with an end, and the cluster as it was."""
    cluster = await factories.cluster()
    job = await factories.job(cluster)

    cancelled = await runs.cancel(job.id)

    assert cancelled.status is JobStatus.CANCELLED
    assert [event.kind for event in await events.read(job.id)] == [EventKind.JOB_FINISHED]
    assert (await clusters.get(cluster.id)).status is ClusterStatus.PENDING
    assert await runs.claim(job.id, "worker") is None
    with pytest.raises(JobAlreadyFinished):
        await runs.cancel(job.id)


async def test_cancel_of_a_running_job_asks_its_supervisor(store):
    """Asking twice is asking once."""
    _, job, attempt = await running_job()
    first = await runs.cancel(job.id)
    second = await runs.cancel(job.id)

    assert first.status is JobStatus.RUNNING
    assert first.cancel_requested_at == second.cancel_requested_at
    assert (await runs.renew(job.id, attempt)).cancel_requested


async def test_retry_knows_what_is_finished_and_what_was_interrupted(store):
    """A retry resumes at the first unfinished phase; scanners look again, for the sake of one report."""
    cluster, job, attempt = await running_job()
    planned = [("preflight", "Check"), ("scan-kubernetes", "Scan"), ("join", "Join")]
    await runs.begin(job.id, planned, frozenset())
    finished = {"kind": EventKind.PHASE_FINISHED, "data": {"status": "succeeded"}}
    ended = [told(1, phase="preflight", **finished), told(2, phase="scan-kubernetes", **finished)]
    await runs.append(job.id, attempt, ended)
    await runs.mark_interrupted(job.id, attempt, "died", CIPHER)
    again = await factories.job(cluster, retry_of=job.id, retry_hosts="failed")
    attempt = await runs.claim(again.id, "worker")

    assignment = await runs.load(again.id, attempt, CIPHER)

    assert assignment.finished_phases == {"preflight"}
    assert assignment.unswept == (job.id,)
    assert assignment.secrets.password == factories.CANARY
    assert assignment.limit == ()  # nobody is ready yet, so nobody is left out
    assert (await jobs.get(job.id)).status is JobStatus.INTERRUPTED


async def test_an_unknown_job_cannot_be_claimed(store):
    """A trigger may outlive its job."""
    assert await runs.claim(uuid.uuid4(), "worker") is None
