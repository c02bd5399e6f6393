"""Worker and supervisors as real processes, playing tiny playbooks on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest

from engine import content
from engine.domain.events import EventKind
from engine.domain.statuses import ClusterStatus, JobStatus, NodeStatus, PhaseStatus
from engine.execution import run_directory, termination
from engine.processes import run_lock, spool
from engine.services import runs
from engine.store import clusters, database, events, jobs, nodes, phases
from tests.integration import factories

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 60

PLAY = """
- name: {name}
  hosts: k8s_cluster
  gather_facts: false
  connection: local
  tags: [{slug}]
  tasks:
    - name: Do {slug}
      {task}
"""
QUICK = "ansible.builtin.debug: {msg: done}"
LONG = "ansible.builtin.command: sleep 600"
FAIL = "ansible.builtin.fail: {msg: 'the disk is full'}"
LEAVE_RESULTS = """ansible.builtin.shell: |
        cd {{ keelyard_output_dir }} && mkdir -p nodes
        echo 'kind: Config canary-kubeconfig' >kubeconfig
        echo '{"machine_id": "m1", "kubelet_version": "v1.36.1"}' >nodes/cp-1.json
      run_once: true"""


class Workplace:
    """A KEELYARD_HOME with content of its own, and workers in it."""

    def __init__(self, directory: Path, database_url: str) -> None:
        self.home = directory / "home"
        self.content = directory / "content"
        self.home.mkdir()
        (self.content / "playbooks").mkdir(parents=True)
        (self.content / "roles").mkdir()
        self.url = database_url
        self.workers: list[subprocess.Popen[bytes]] = []

    def playbook(self, **tasks: str) -> None:
        text = "---" + "".join(
            PLAY.format(name=slug.capitalize(), slug=slug, task=task) for slug, task in tasks.items()
        )
        (self.content / "playbooks" / "provision.yml").write_text(text)

    def start_worker(self) -> subprocess.Popen[bytes]:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
            "PYTHONPATH": str(ROOT),
            "KEELYARD_HOME": str(self.home),
            "KEELYARD_CONTENT": str(self.content),
            "KEELYARD_ARTIFACTS": "upstream",
            "DATABASE_URL": self.url,
            "ENCRYPTION_KEY": factories.KEY,
        }
        with (self.home / "worker.log").open("ab") as log:
            worker = subprocess.Popen(
                [sys.executable, "-m", "engine.processes", "worker", "--concurrency", "2"],
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.workers.append(worker)
        return worker

    def stop(self) -> None:
        for worker in self.workers:
            if worker.poll() is None:
                worker.kill()
            worker.wait()


@pytest.fixture
def workplace(database_url, monkeypatch):
    directory = Path(tempfile.mkdtemp(prefix="keelyard-work-", dir="/tmp"))
    place = Workplace(directory, database_url)
    monkeypatch.setenv("KEELYARD_HOME", str(place.home))
    try:
        yield place
    finally:
        place.stop()
        for process in supervisors(place):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        shutil.rmtree(directory)


def supervisors(place: Workplace) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            mine = process.environ().get("KEELYARD_HOME") == str(place.home)
            if mine and "supervise" in process.cmdline():
                found.append(process)
    return found


async def until(condition, what: str):
    """Wait for a condition; tests fail with its description, never by a bare timeout."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if value := await condition():
            return value
        await asyncio.sleep(0.05)
    raise AssertionError(f"{what} did not happen within {PATIENCE_SECONDS} s")


async def ended(job_id):
    async def check():
        job = await jobs.get(job_id)
        return job if job.finished_at else None

    return await until(check, f"the end of job {job_id}")


async def started_task(job_id, task: str):
    async def check():
        found = await events.read(job_id, kinds=[EventKind.TASK_STARTED])
        return any(event.task == task for event in found) and len(termination.processes(str(job_id))) > 0

    await until(check, f"task {task}")


def assert_nothing_left(job_id) -> None:
    assert termination.processes(str(job_id)) == []
    assert not run_directory.path_of(str(job_id)).exists()
    assert not spool.path_of(job_id).exists()
    assert not run_lock.path_of(job_id).exists()


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
    await until(lambda: _gone(workplace), "the end of the supervisor")
    assert_nothing_left(job.id)
    for file in workplace.home.rglob("*"):
        if file.is_file():
            assert factories.CANARY.encode() not in file.read_bytes(), file
            assert factories.KEY.encode() not in file.read_bytes(), file


async def _gone(workplace: Workplace) -> bool:
    return not supervisors(workplace)


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
    assert (following.started_at - cancelled.finished_at).total_seconds() < 1
    assert termination.processes(str(job.id)) == []


async def test_a_killed_supervisor_leaves_an_interrupted_job_and_no_process(store, workplace):
    """Its spool is in the event log, and nothing is repeated."""
    workplace.playbook(first=QUICK, second=LONG)
    cluster = await factories.cluster()
    workplace.start_worker()
    job = await factories.job(cluster)
    await started_task(job.id, "Do second")
    [supervisor] = supervisors(workplace)

    supervisor.kill()

    interrupted = await ended(job.id)
    log = await events.read(job.id)
    assert interrupted.status is JobStatus.INTERRUPTED
    assert (interrupted.finished_at - log[-2].created_at).total_seconds() < PATIENCE_SECONDS
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
    [supervisor] = supervisors(workplace)
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

    supervisors(workplace)[0].terminate()

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


def test_content_home_follows_the_environment(workplace):
    """The tests above look where the processes write."""
    assert content.home() == workplace.home
