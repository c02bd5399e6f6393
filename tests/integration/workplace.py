"""A KEELYARD_HOME for tests with real workers and supervisors, and waiting for what they do."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import asyncpg
import psutil

from engine.domain.events import EventKind
from engine.execution import run_directory, termination
from engine.processes import run_lock, spool
from engine.store import database, events, jobs
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
NODE_PLAY = PLAY.replace("connection: local", 'environment: {{KEELYARD_RUN_ID: "{{{{ keelyard_run_id }}}}"}}')
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

    @property
    def second_home(self) -> Path:
        """The home of a worker on another machine, as far as one machine can be two."""
        home = self.home.with_name("second")
        home.mkdir(exist_ok=True)
        return home

    def playbook(self, *, on_nodes: bool = False, **tasks: str) -> None:
        play = NODE_PLAY if on_nodes else PLAY
        text = "---" + "".join(
            play.format(name=slug.capitalize(), slug=slug, task=task) for slug, task in tasks.items()
        )
        (self.content / "playbooks" / "provision.yml").write_text(text)

    def start_worker(
        self, home: Path | None = None, code: Path = ROOT, prefix: Sequence[str] = (), **settings: str
    ) -> subprocess.Popen[bytes]:
        home = home or self.home
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
            "PYTHONPATH": str(code),
            "KEELYARD_HOME": str(home),
            "KEELYARD_CONTENT": str(self.content),
            "KEELYARD_ARTIFACTS": "upstream",
            "ENCRYPTION_KEY": factories.KEY,
            **settings,
        } | ({"DATABASE_URL": self.url} if self.url else {})
        with (home / "worker.log").open("ab") as log:
            worker = subprocess.Popen(
                [*prefix, sys.executable, "-m", "engine.processes", "worker", "--concurrency", "2"],
                cwd=code,
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
        for process in supervisors(self):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()


def supervisors(place: Workplace) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            mine = process.environ().get("KEELYARD_HOME", "").startswith(str(place.home.parent))
            if mine and "supervise" in process.cmdline():
                found.append(process)
    return found


async def supervisor_of(job_id) -> psutil.Process:
    """The process that runs a job."""

    async def known():
        return (await jobs.get(job_id)).supervisor_pid

    return psutil.Process(await until(known, "the start of a supervisor"))


async def until(condition, what: str):
    """Wait for a condition; tests fail with its description, never by a bare timeout."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(*database.CONNECTION_ERRORS, asyncpg.PostgresError):
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


def on_nodes(job_id) -> list[str]:
    """Command lines of what carries the nodes' marker of a run; the nodes of these tests are this machine."""
    marker = {termination.NODE_MARKER: str(job_id)}
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if marker.items() <= process.environ().items():
                found.append(" ".join(process.cmdline()))
    return found


async def gone(job_id) -> None:
    """Wait until nothing of an ended run is left here; then a supervisor or a burial has tidied up."""

    async def check():
        return not run_lock.path_of(job_id).exists()

    await until(check, f"the tidying up after {job_id}")
    assert_nothing_left(job_id)


def assert_nothing_left(job_id) -> None:
    """No process, agent, directory, mount, file or lock of a run, here or on nodes that are this machine."""
    assert termination.processes(str(job_id)) == []
    assert on_nodes(job_id) == []
    assert list(run_directory.root().glob(f"*{job_id}*")) == []
    assert not spool.path_of(job_id).exists()
    assert not run_lock.path_of(job_id).exists()
    assert str(job_id) not in Path("/proc/mounts").read_text()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            assert str(job_id) not in " ".join(process.cmdline()), process.cmdline()
