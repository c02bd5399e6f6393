"""Worker and supervisors as real processes, playing tiny playbooks on this machine."""

from __future__ import annotations

import signal

import pytest

from engine import content
from engine.domain.events import EventKind
from engine.domain.statuses import ClusterStatus, JobStatus, NodeStatus, PhaseStatus
from engine.execution import termination
from engine.processes import run_lock
from engine.services import runs
from engine.store import clusters, database, events, nodes, phases
from tests.integration import factories
from tests.integration.workplace import (
    FAIL,
    LEAVE_RESULTS,
    LONG,
    QUICK,
    assert_nothing_left,
    ended,
    started_task,
    supervisor_of,
    until,
)


async def test_a_job_runs_to_success(store, workplace):
    """Events without gaps, phases done, results stored, and no secret anywhere on disk."""
    workplace.playbook(first=QUICK, second=LEAVE_RESULTS)
    cluster = await factories.cluster()
    workplace.start_worker()
    job = await factories.job(cluster)

    done = await ended(job.id)

    log = await events.read(job.id)
    after = await clusters.get(cluster.id)
    [first, _] = await nodes.of_cluster(cluster.id)
    assert (done.status, done.message) == (JobStatus.SUCCESS, None), done
    assert [event.sequence for event in log] == list(range(1, done.last_sequence + 1))
    assert (log[0].kind, log[-1].kind) == (EventKind.JOB_STARTED, EventKind.JOB_FINISHED)
    assert [phase.status for phase in await phases.of_job(job.id)] == [PhaseStatus.SUCCEEDED] * 2
    assert after.status is ClusterStatus.RUNNING
    assert factories.CIPHER.decrypt(after.kubeconfig_encrypted) == "kind: Config canary-kubeconfig\n"
    assert (first.machine_id, first.status) == ("m1", NodeStatus.READY)
    await until(lambda: _buried(job.id), "the end of the supervisor")
    assert_nothing_left(job.id)
    for file in workplace.home.rglob("*"):
        if file.is_file():
            assert factories.CANARY.encode() not in file.read_bytes(), file
            assert factories.KEY.encode() not in file.read_bytes(), file


async def test_a_failed_job_says_what_failed_and_a_retry_resumes_there(store, workplace):
    """Finished phases are not repeated."""
    workplace.playbook(first=QUICK, second=FAIL, third=QUICK)
    cluster = await factories.cluster()
    workplace.start_worker()
    failed = await ended((await factories.job(cluster)).id)
    workplace.playbook(first=FAIL, second=QUICK, third=QUICK)
    retried = await ended((await factories.job(cluster, retry_of=failed.id)).id)

    assert failed.status is JobStatus.FAILED
    assert "the disk is full" in failed.message
    assert [phase.status for phase in await phases.of_job(failed.id)] == ["succeeded", "failed", "pending"]
    assert retried.status is JobStatus.SUCCESS, retried
    assert [phase.status for phase in await phases.of_job(retried.id)] == [
        "skipped",
        "succeeded",
        "succeeded",
    ]


async def test_cancel_ends_a_running_job(store, workplace):
    """With everything that belongs to it; the next job of the cluster then starts."""
    workplace.playbook(first=LONG)
    cluster = await factories.cluster()
    workplace.start_worker()
    job = await factories.job(cluster)
    waiting = await factories.job(cluster)
    await started_task(job.id, "Do first")
    workplace.playbook(first=QUICK)

    await runs.cancel(job.id)

    cancelled = await ended(job.id)
    following = await ended(waiting.id)
    assert (cancelled.status, cancelled.reason) == (JobStatus.CANCELLED, "Cancelled on request.")
    assert following.status is JobStatus.SUCCESS
    assert following.started_at > cancelled.finished_at
    assert termination.processes(str(job.id)) == []


async def test_a_killed_supervisor_leaves_an_interrupted_job_and_no_process(store, workplace):
    """Its spool is in the event log, and nothing is repeated."""
    workplace.playbook(first=QUICK, second=LONG)
    cluster = await factories.cluster()
    workplace.start_worker()
    job = await factories.job(cluster)
    await started_task(job.id, "Do second")
    supervisor = await supervisor_of(job.id)

    supervisor.kill()

    interrupted = await ended(job.id)
    log = await events.read(job.id)
    assert interrupted.status is JobStatus.INTERRUPTED
    assert [event.sequence for event in log] == list(range(1, interrupted.last_sequence + 1))
    assert log[-1].data["status"] == "interrupted"
    assert [phase.status for phase in await phases.of_job(job.id)] == ["succeeded", "failed"]
    await until(lambda: _buried(job.id), "the burial")
    assert_nothing_left(job.id)
    assert (await clusters.get(cluster.id)).status is ClusterStatus.FAILED


async def _buried(job_id) -> bool:
    return not run_lock.path_of(job_id).exists()


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
async def test_runs_go_on_without_their_worker(store, workplace, end):
    """A worker is killed or redeployed in mid-run; the next one watches what it finds."""
    gate = workplace.home / "gate"
    wait = f"ansible.builtin.wait_for: {{path: {gate}, timeout: 60, sleep: 1}}"
    workplace.playbook(first=wait, second=QUICK)
    cluster = await factories.cluster()
    worker = workplace.start_worker()
    job = await factories.job(cluster)
    await started_task(job.id, "Do first")

    worker.send_signal(end)
    worker.wait()
    gate.touch()

    done = await ended(job.id)
    assert done.status is JobStatus.SUCCESS
    assert worker.returncode == (0 if end is signal.SIGTERM else -end)


async def test_a_new_worker_buries_what_died_while_nobody_watched(store, workplace):
    """Worker and supervisor are killed together, as when a machine goes down."""
    workplace.playbook(first=LONG)
    cluster = await factories.cluster()
    worker = workplace.start_worker()
    job = await factories.job(cluster)
    await started_task(job.id, "Do first")
    supervisor = await supervisor_of(job.id)
    worker.kill()
    supervisor.kill()
    worker.wait()

    workplace.start_worker()

    assert (await ended(job.id)).status is JobStatus.INTERRUPTED
    await until(lambda: _buried(job.id), "the burial")
    assert_nothing_left(job.id)


async def test_a_terminated_supervisor_ends_its_run_cleanly(store, workplace):
    """As at a shutdown of the machine."""
    workplace.playbook(first=LONG)
    cluster = await factories.cluster()
    workplace.start_worker()
    job = await factories.job(cluster)
    await started_task(job.id, "Do first")

    (await supervisor_of(job.id)).terminate()

    done = await ended(job.id)
    assert done.status is JobStatus.INTERRUPTED
    assert "asked to stop" in done.reason
    assert termination.processes(str(job.id)) == []


async def test_a_job_without_its_trigger_starts_all_the_same(store, workplace):
    """The queue is only a trigger."""
    workplace.playbook(first=QUICK)
    cluster = await factories.cluster()
    job = await factories.job(cluster)
    await database.fetch("DELETE FROM procrastinate_jobs")
    workplace.start_worker()

    assert (await ended(job.id)).status is JobStatus.SUCCESS


async def test_a_run_of_a_newer_version_does_not_keep_a_worker_from_work(store, workplace):
    """In a rolling upgrade a newer worker may run a type of job that this one has never heard of."""
    workplace.playbook(first=QUICK)
    newer = await factories.job(await factories.cluster())
    sql = "UPDATE job SET type = 'levitate', status = 'running', worker = 'newer', attempt = 1 WHERE id = $1"
    await database.fetch(sql, newer.id)
    workplace.start_worker()
    job = await factories.job(await factories.cluster())

    done = await ended(job.id)

    assert done.status is JobStatus.SUCCESS
    assert "broke" not in (workplace.home / "worker.log").read_text()


def test_content_home_follows_the_environment(workplace):
    """The tests above look where the processes write."""
    assert content.home() == workplace.home
