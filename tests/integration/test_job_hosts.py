"""The recap of a job host by host, its slowest tasks, and what is expected of it."""

from __future__ import annotations

import uuid

from engine.domain.estimates import Basis
from engine.domain.events import EventKind
from engine.domain.permissions import Principal
from engine.domain.recaps import HostStatus
from engine.domain.statuses import JobStatus, PhaseStatus, Role
from engine.services import job_queue, runs
from engine.services import jobs as jobs_service
from engine.services.identity import Caller
from engine.store import database, events, job_hosts, job_views, jobs
from tests.integration import factories
from tests.integration.factories import CIPHER
from tests.integration.test_runs import told
from tests.integration.workplace import QUICK, ended, started_task, supervisor_of

PHASES = [("prepare", "Prepare"), ("join", "Join")]


async def begun(cluster=None, **values):
    cluster = cluster or await factories.cluster()
    async with database.transaction():
        job = await job_queue.put(cluster, runs.JobType.PROVISION, Caller(), **values)
    attempt = await runs.claim(job.id, "worker")
    return cluster, job, attempt


async def recap(job_id: uuid.UUID) -> dict[str, job_hosts.HostView]:
    return {view.host: view for view in await job_hosts.of_job(job_id)}


def story():
    """What two hosts did: one was lost."""
    return [
        told(1, EventKind.JOB_STARTED),
        told(2, EventKind.HOST_OK, host="cp-1", task="Look", duration_seconds=1.0, phase="prepare"),
        told(3, EventKind.HOST_CHANGED, host="cp-1", task="Write", duration_seconds=2.5, phase="prepare"),
        told(4, EventKind.HOST_SKIPPED, host="cp-1", task="Maybe", phase="prepare"),
        told(
            5,
            EventKind.HOST_FAILED,
            host="worker-1",
            task="Write",
            message="no space\x00 left",
            phase="prepare",
        ),
    ]


async def test_every_node_of_the_cluster_waits_at_first(store):
    _, job, _ = await begun()

    assert {host: view.status for host, view in (await recap(job.id)).items()} == {
        "cp-1": HostStatus.PENDING,
        "worker-1": HostStatus.PENDING,
    }


async def test_hosts_are_counted_with_their_events_however_these_are_sent(store):
    _, job, attempt = await begun()
    whole = story()
    await runs.append(job.id, attempt, whole[:2])
    await runs.append(job.id, attempt, whole[:4])  # the answer to the first was lost
    await runs.append(job.id, attempt, whole)
    await runs.append(job.id, attempt, whole)

    found = await recap(job.id)

    first, second = found["cp-1"], found["worker-1"]
    assert (first.ok, first.changed, first.skipped, first.failed) == (2, 1, 1, 0)
    assert (first.status, first.duration_seconds, first.task) == (HostStatus.RUNNING, 3.5, "Maybe")
    assert (second.status, second.failed, second.failure) == (HostStatus.FAILED, 1, "no space left")
    assert (second.failed_task, second.last_sequence) == ("Write", 5)
    view = await job_views.get(job.id)
    assert (view.hosts.total, view.hosts.failed, view.hosts.unreachable, view.hosts.changed) == (2, 1, 0, 1)


async def test_ansibles_own_recap_has_the_last_word(store):
    _, job, attempt = await begun()
    told_last = {
        "cp-1": {
            "ok": 7,
            "changed": 2,
            "failed": 0,
            "unreachable": 1,
            "skipped": 1,
            "rescued": 0,
            "ignored": 1,
        },
        "worker-1": {"ok": 9, "changed": 3, "failed": 0, "unreachable": 0, "skipped": 0, "rescued": 1},
        "stranger": {"ok": 1},
    }
    result = runs.RunResult(status=JobStatus.FAILED)
    rest = [*story(), told(6, EventKind.RECAP, data={"hosts": told_last})]

    assert await runs.finish(job.id, attempt, result, rest, CIPHER)
    assert await runs.finish(job.id, attempt, result, rest, CIPHER)

    found = await recap(job.id)
    assert (found["cp-1"].status, found["cp-1"].ok, found["cp-1"].ignored) == (HostStatus.UNREACHABLE, 7, 1)
    assert (found["worker-1"].status, found["worker-1"].rescued) == (HostStatus.CHANGED, 1)
    assert found["worker-1"].failure is None
    assert "stranger" not in found


async def test_the_recap_outlives_the_events(store):
    _, job, attempt = await begun()
    await runs.append(job.id, attempt, story())
    await runs.mark_interrupted(job.id, attempt, "died", CIPHER)
    admin = await database.fetch("SELECT count(*) AS n FROM event WHERE job_id = $1", job.id)
    assert admin[0]["n"] == 6

    found = await recap(job.id)

    assert {host: view.status for host, view in found.items()} == {
        "cp-1": HostStatus.CHANGED,
        "worker-1": HostStatus.FAILED,
    }
    assert [task.task for task in await job_hosts.slowest(job.id)] == ["Write", "Look"]


async def test_a_host_that_answers_again_is_not_lost(store):
    _, job, attempt = await begun()
    await runs.append(job.id, attempt, story())
    await runs.append(job.id, attempt, [told(6, EventKind.HOST_OK, host="worker-1", task="Rescue")])
    rescued = (await recap(job.id))["worker-1"]
    await runs.append(
        job.id, attempt, [told(7, EventKind.HOST_UNREACHABLE, host="worker-1", message="gone", task="Join")]
    )
    lost = (await recap(job.id))["worker-1"]

    assert (rescued.status, rescued.failure) == (HostStatus.RUNNING, None)
    assert (lost.status, lost.failure, lost.failed_task) == (HostStatus.UNREACHABLE, "gone", "Join")


async def test_of_many_tasks_the_slowest_of_each_phase_are_kept(store):
    _, job, attempt = await begun()
    timed = [
        told(
            number,
            EventKind.HOST_OK,
            host="cp-1",
            task=f"Task {number}",
            duration_seconds=float(number * 37 % 1009) + 0.5,
            phase=("prepare", "join")[number % 2],
        )
        for number in range(1, 1001)
    ]
    for start in range(0, 1000, 250):
        await runs.append(job.id, attempt, timed[start : start + 250])
    await runs.append(job.id, attempt, timed[900:])

    kept = await job_hosts.slowest(job.id)

    for slug in ("prepare", "join"):
        expected = sorted((e for e in timed if e.phase == slug), key=lambda e: -e.duration_seconds)[:10]
        assert [task.sequence for task in kept if task.phase == slug] == [e.sequence for e in expected]
    assert len(kept) == 20


async def test_a_job_expects_what_the_last_runs_of_its_cluster_took(store):
    cluster, job, attempt = await begun()
    await runs.begin(job.id, PHASES, frozenset())
    assert (await jobs.get(job.id)).expectation is None
    await runs.finish(job.id, attempt, runs.RunResult(status=JobStatus.SUCCESS), [], CIPHER)
    await database.fetch(
        "UPDATE phase SET status = 'succeeded', started_at = now(), finished_at = now() + interval '40 s'"
        " WHERE job_id = $1 AND slug = 'prepare'",
        job.id,
    )
    _, second, _ = await begun(cluster)
    await runs.begin(second.id, PHASES, frozenset())

    expected = (await jobs.get(second.id)).expectation

    assert expected.basis is Basis.CLUSTER
    assert expected.phases["prepare"] == 40
    assert expected.phases["join"] == 0  # no node to work on: it took no time
    assert expected.runs == 1


async def test_a_retry_goes_on_where_what_was_left_out_stopped(store):
    """Nodes that a retry on chosen ones left out are only through with what the first job finished."""
    cluster, job, attempt = await begun()
    await runs.begin(job.id, PHASES, frozenset())
    await runs.finish(job.id, attempt, runs.RunResult(status=JobStatus.FAILED), story(), CIPHER)
    _, second, attempt = await begun(
        cluster, retry_of=job.id, retry_hosts="chosen", left_out=["worker-1"], hosts=[]
    )
    done = {slug: PhaseStatus.SUCCEEDED for slug, _ in PHASES}
    await runs.begin(second.id, PHASES, frozenset())
    await runs.finish(second.id, attempt, runs.RunResult(status=JobStatus.SUCCESS, phases=done), [], CIPHER)
    _, third, attempt = await begun(cluster, retry_of=second.id)

    assert (await runs.load(third.id, attempt, CIPHER)).finished_phases == frozenset()


STUBBORN = """ansible.builtin.command: test -e {gate}
      when: inventory_hostname == 'worker-1'"""
WAIT = """ansible.builtin.command: sleep 600
      when: inventory_hostname == 'worker-2'"""
THREE = ("cp-1", "worker-1", "worker-2")


async def test_a_retry_works_on_the_nodes_that_failed_and_on_no_others(store, workplace, monkeypatch):
    """A real run: Ansible's own counts are the job's, and the retry leaves alone what is done."""
    monkeypatch.setenv("KEELYARD_CONTENT", str(workplace.content))
    gate = workplace.home / "gate"
    workplace.playbook(first=QUICK, second=STUBBORN.format(gate=gate), third=QUICK)
    cluster = await factories.cluster(node_names=THREE)
    workplace.start_worker()
    async with database.transaction():
        job = await job_queue.put(cluster, runs.JobType.PROVISION, Caller())
    failed = await ended(job.id)
    gate.touch()

    retried = await jobs_service.retry(failed.id, "failed", _operator())
    done = await ended(retried.job.id)

    before, after = await recap(failed.id), await recap(done.id)
    assert {host: view.status for host, view in before.items()} == {
        "cp-1": HostStatus.OK,
        "worker-1": HostStatus.FAILED,
        "worker-2": HostStatus.OK,
    }
    assert (before["cp-1"].ok, before["cp-1"].skipped, before["worker-1"].failed) == (2, 1, 1)
    assert before["worker-1"].failed_task == "Do second"
    assert before["cp-1"].duration_seconds > 0
    assert [(choice.host, choice.because) for choice in retried.hosts] == [("worker-1", "failed")]
    assert done.status is JobStatus.SUCCESS, done
    assert list(after) == ["worker-1"]
    assert (after["worker-1"].status, after["worker-1"].ok) == (HostStatus.CHANGED, 2)
    log = await events.read(done.id)
    assert {event.host for event in log if event.host} == {"worker-1"}


async def test_after_a_killed_supervisor_the_recap_says_who_is_not_done(store, workplace, monkeypatch):
    """Nobody was lost, and yet nobody came through: the retry works on all of them."""
    monkeypatch.setenv("KEELYARD_CONTENT", str(workplace.content))
    workplace.playbook(first=QUICK, second=WAIT)
    cluster = await factories.cluster(node_names=THREE)
    workplace.start_worker()
    async with database.transaction():
        job = await job_queue.put(cluster, runs.JobType.PROVISION, Caller())
    await started_task(job.id, "Do second")

    (await supervisor_of(job.id)).kill()
    interrupted = await ended(job.id)
    workplace.playbook(first=QUICK, second=QUICK)
    retried = await jobs_service.retry(interrupted.id, "failed", _operator())

    assert interrupted.status is JobStatus.INTERRUPTED
    assert {view.status for view in (await recap(job.id)).values()} == {HostStatus.OK}
    assert {choice.because for choice in retried.hosts} == {"did not come through “Second”"}
    assert len(retried.hosts) == 3
    assert (await ended(retried.job.id)).status is JobStatus.SUCCESS


def _operator() -> Caller:
    roles = frozenset({Role.OPERATOR})
    return Caller(principal=Principal(account_id=str(uuid.uuid4()), email="o@example.com", roles=roles))
