"""Supervisors and workers killed, paused or doubled in mid-run: what ends, what goes on, what is said."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from engine.domain.errors import JobAlreadyFinished
from engine.domain.events import EventKind
from engine.domain.specs import AuthMethod, SshSecrets
from engine.domain.statuses import ClusterStatus, JobStatus
from engine.execution import run_directory, termination
from engine.services import runs
from engine.store import clusters, database, events, jobs, nodes, phases, queue
from tests.integration import factories
from tests.integration.workplace import (
    LONG,
    QUICK,
    assert_nothing_left,
    ended,
    gone,
    on_nodes,
    started_task,
    supervisor_of,
    until,
)
from tests.standins import sshd

needs_sshd = pytest.mark.skipif(not sshd.available(), reason="needs root and sshd")
SHORT_LEASE = {"KEELYARD_LEASE_SECONDS": "4"}


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[tuple[sshd.Server, sshd.Server, str]]:
    private, public = sshd.keypair(tmp_path, "key")
    with sshd.serving(tmp_path / "one", public) as one, sshd.serving(tmp_path / "two", public) as two:
        yield one, two, private


@pytest.fixture
async def cluster(store, servers):
    """A cluster whose two nodes are private SSH servers of this machine."""
    made = await factories.cluster()
    secrets = SshSecrets(auth_method=AuthMethod.PRIVATE_KEY, private_key=servers[2])
    await database.fetch(
        "UPDATE ssh_credential SET auth_method = $2, secrets_encrypted = $3 WHERE cluster_id = $1",
        made.id,
        secrets.auth_method,
        factories.CIPHER.encrypt_secrets(secrets),
    )
    for node, server in zip(await nodes.of_cluster(made.id), servers[:2], strict=True):
        await nodes.update(node.id, ssh_port=server.port, host_keys=[server.pinned])
    return made


def program(directory: Path, name: str, body: str) -> Path:
    script = directory / name
    script.write_text(f"#!/bin/sh\n{body}\n")
    script.chmod(0o755)
    return script


async def sleeping(job_id, *commands: str) -> None:
    """Wait until each of these runs on a node."""

    async def check():
        found = on_nodes(job_id)
        return all(any(command in line for line in found) for command in commands)

    await until(check, f"{commands} on the nodes")


async def messages(job_id) -> list[str]:
    return [event.message for event in await events.read(job_id, kinds=[EventKind.MESSAGE])]


async def assert_gapless(job) -> None:
    log = await events.read(job.id, limit=10_000)
    assert [event.sequence for event in log] == list(range(1, job.last_sequence + 1))
    assert [event.kind for event in log].count(EventKind.JOB_FINISHED) == 1


@needs_sshd
async def test_a_killed_supervisor_leaves_the_package_manager_alone_and_a_retry_resumes_behind_it(
    workplace, cluster, tmp_path
):
    """Everything else of the run ends, here and on the nodes, by the burial, which says what it left."""
    gate, log = tmp_path / "gate", tmp_path / "apt.log"
    apt = program(tmp_path, "apt-get", f"while [ ! -e {gate} ]; do sleep 0.1; done; echo done >>{log}")
    task = f"ansible.builtin.command: \"{{{{ '{apt}' if inventory_hostname == 'cp-1' else 'sleep 600' }}}}\""
    workplace.playbook(on_nodes=True, first=QUICK, second=task, third=QUICK)
    workplace.start_worker()
    [first, second] = await nodes.of_cluster(cluster.id)
    await nodes.update(second.id, host_keys=[])  # its key is learned by this very run
    job = await factories.job(cluster)
    await sleeping(job.id, "apt-get", "sleep 600")

    (await supervisor_of(job.id)).kill()

    interrupted = await ended(job.id)
    told = await messages(job.id)
    assert interrupted.status is JobStatus.INTERRUPTED
    assert (await clusters.get(cluster.id)).status is ClusterStatus.FAILED
    assert any("cp-1: waiting for apt-get" in text for text in told), told
    assert any("cp-1: apt-get still runs; it is left to end" in text for text in told), told
    assert any("worker-1: ended" in text for text in told), told
    assert termination.processes(str(job.id)) == []
    assert not any("sleep 600" in line for line in on_nodes(job.id))
    assert any("apt-get" in line for line in on_nodes(job.id))
    await assert_gapless(interrupted)
    assert [node.host_keys for node in await nodes.of_cluster(cluster.id)] == [
        first.host_keys,
        second.host_keys,
    ]

    workplace.playbook(on_nodes=True, first=LONG, second=QUICK, third=QUICK)
    retry = await factories.job(cluster, retry_of=job.id)

    async def waits():
        return any("cp-1: waiting for apt-get" in text for text in await messages(retry.id))

    await until(waits, "the wait for the package manager")
    assert (await jobs.get(retry.id)).status is JobStatus.RUNNING
    gate.touch()
    done = await ended(retry.id)
    assert done.status is JobStatus.SUCCESS, done
    assert [phase.status for phase in await phases.of_job(retry.id)] == ["skipped", "succeeded", "succeeded"]
    assert log.read_text() == "done\n"
    await gone(job.id)
    await gone(retry.id)


@needs_sshd
async def test_a_burial_whose_worker_is_killed_is_finished_by_the_next(workplace, cluster, tmp_path):
    """Supervisor first, then the worker while it sweeps the nodes."""
    gate = tmp_path / "gate"
    apt = program(tmp_path, "apt-get", f"while [ ! -e {gate} ]; do sleep 0.1; done")
    workplace.playbook(on_nodes=True, first=f"ansible.builtin.command: {apt}")
    worker = workplace.start_worker()
    job = await factories.job(cluster)
    await sleeping(job.id, "apt-get")
    (await supervisor_of(job.id)).kill()

    async def sweeps():
        return (run_directory.path_of(f"sweep-{job.id}") / "sweep" / "agent").exists()

    await until(sweeps, "the sweep of the nodes")
    worker.kill()
    worker.wait()
    assert (await jobs.get(job.id)).status is JobStatus.RUNNING
    gate.touch()
    workplace.start_worker()

    interrupted = await ended(job.id)
    assert (interrupted.status, interrupted.attempt) == (JobStatus.INTERRUPTED, 1)
    await gone(job.id)
    await assert_gapless(interrupted)


@needs_sshd
@pytest.mark.parametrize("paused", ["supervisor", "machine"])
async def test_a_run_paused_past_its_lease_is_dead_when_it_comes_back_and_changes_nothing(
    workplace, cluster, paused
):
    """A worker on another machine buries it meanwhile; nobody ever runs it twice."""
    workplace.playbook(on_nodes=True, first=LONG)
    first = workplace.start_worker(**SHORT_LEASE)
    job = await factories.job(cluster)
    await sleeping(job.id, "sleep 600")
    workplace.start_worker(workplace.second_home, **SHORT_LEASE)
    supervisor = await supervisor_of(job.id)
    stopped = [supervisor]
    if paused == "machine":
        stopped += [psutil.Process(first.pid), *termination.processes(str(job.id))]
    for process in stopped:
        process.suspend()

    interrupted = await ended(job.id)

    assert (interrupted.status, interrupted.attempt) == (JobStatus.INTERRUPTED, 2)
    assert "no life for a whole lease" in interrupted.reason
    assert on_nodes(job.id) == []
    if paused == "supervisor":
        assert termination.processes(str(job.id)) == []  # by its leash; its owner is still paused
    workplace.playbook(on_nodes=True, first=QUICK)
    retry = await ended((await factories.job(cluster, retry_of=job.id)).id)
    assert retry.status is JobStatus.SUCCESS

    for process in reversed(stopped):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.resume()

    await gone(job.id)
    assert await jobs.get(job.id) == interrupted
    await assert_gapless(interrupted)


@needs_sshd
async def test_a_dead_machines_run_is_buried_on_its_nodes_by_another_whatever_its_lease_says(
    workplace, cluster
):
    """Worker and supervisor die together, and the database's clock was far ahead when they spoke last."""
    workplace.playbook(on_nodes=True, first=LONG)
    first = workplace.start_worker(**SHORT_LEASE)
    job = await factories.job(cluster)
    await sleeping(job.id, "sleep 600")
    supervisor = await supervisor_of(job.id)
    first.kill()
    supervisor.kill()
    await database.fetch("UPDATE job SET lease_until = '2099-01-01' WHERE id = $1", job.id)

    workplace.start_worker(workplace.second_home, **SHORT_LEASE)

    interrupted = await ended(job.id)
    assert interrupted.status is JobStatus.INTERRUPTED
    assert sum("ended" in text for text in await messages(job.id)) == 2
    assert on_nodes(job.id) == termination.processes(str(job.id)) == []
    await assert_gapless(interrupted)
    workplace.start_worker()  # the first machine is back
    await gone(job.id)


async def test_a_paused_worker_and_a_jumping_clock_harm_no_run(store, workplace):
    """The supervisor shows life, so whoever watches from elsewhere declares nobody dead."""
    gate = workplace.home / "gate"
    workplace.playbook(first=f"ansible.builtin.wait_for: {{path: {gate}, timeout: 60, sleep: 1}}")
    worker = workplace.start_worker(KEELYARD_LEASE_SECONDS="2")
    job = await factories.job(await factories.cluster())
    await started_task(job.id, "Do first")
    workplace.start_worker(workplace.second_home, KEELYARD_LEASE_SECONDS="2")
    worker.send_signal(signal.SIGSTOP)

    for moment in ("1999-01-01", "2099-01-01"):
        await database.fetch(
            "UPDATE job SET lease_until = $2::timestamptz WHERE id = $1", job.id, _time(moment)
        )
        seen = {(await jobs.get(job.id)).lease_until}

        async def renewed(seen=seen):
            seen.add((await jobs.get(job.id)).lease_until)
            return len(seen) > 18  # six a second at this lease: longer than it

        await until(renewed, "signs of life for longer than a lease")

    gate.touch()
    done = await ended(job.id)
    worker.send_signal(signal.SIGCONT)
    assert (done.status, done.attempt) == (JobStatus.SUCCESS, 1)
    await gone(job.id)


async def test_many_triggers_to_two_workers_start_a_job_once(store, workplace, tmp_path):
    """The queue may hand out a job as often as it likes."""
    mark = tmp_path / "runs"
    workplace.playbook(
        first=f"ansible.builtin.shell: {{cmd: 'echo run >>{mark}; sleep 1'}}\n      run_once: true"
    )
    job = await factories.job(await factories.cluster())
    for _ in range(40):
        await queue.trigger(job.id)
    workplace.start_worker()
    workplace.start_worker(workplace.second_home)

    done = await ended(job.id)
    for _ in range(10):
        await queue.trigger(job.id)

    async def drained():
        return await database.fetch("SELECT count(*) FROM procrastinate_jobs") == [{"count": 0}]

    await until(drained, "the end of all triggers")
    assert (done.status, done.attempt) == (JobStatus.SUCCESS, 1), done.message
    assert mark.read_text() == "run\n"
    await gone(job.id)
    assert list((workplace.second_home / "runs").glob("*")) == list((workplace.home / "runs").glob("*")) == []
    assert await jobs.get(job.id) == done


@needs_sshd
async def test_a_cancel_waits_for_the_package_manager_and_says_so(workplace, cluster, tmp_path):
    """Asking twice changes nothing, asking afterwards is refused, and a retry goes through."""
    gate = tmp_path / "gate"
    apt = program(tmp_path, "apt-get", f"while [ ! -e {gate} ]; do sleep 0.1; done")
    task = f"ansible.builtin.command: \"{{{{ '{apt}' if inventory_hostname == 'cp-1' else 'sleep 600' }}}}\""
    workplace.playbook(on_nodes=True, first=task)
    workplace.start_worker()
    job = await factories.job(cluster)
    await sleeping(job.id, "apt-get", "sleep 600")

    asked = await runs.cancel(job.id)

    async def waits():
        return any("cp-1: waiting for apt-get" in text for text in await messages(job.id))

    await until(waits, "the wait for the package manager")
    again = await runs.cancel(job.id)
    assert (again.status, again.cancel_requested_at) == (JobStatus.RUNNING, asked.cancel_requested_at)
    gate.touch()
    cancelled = await ended(job.id)
    assert (cancelled.status, cancelled.reason) == (JobStatus.CANCELLED, "Cancelled on request.")
    with pytest.raises(JobAlreadyFinished):
        await runs.cancel(job.id)
    await gone(job.id)
    await assert_gapless(cancelled)
    workplace.playbook(on_nodes=True, first=QUICK)
    retry = await ended((await factories.job(cluster, retry_of=job.id)).id)
    assert retry.status is JobStatus.SUCCESS
    await gone(retry.id)
    assert_nothing_left(job.id)


def _time(text: str):
    from datetime import UTC, datetime

    return datetime.fromisoformat(text).replace(tzinfo=UTC)
