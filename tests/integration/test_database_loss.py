"""Runs whose database goes away: for a moment, and for too long."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import psutil
import pytest

from engine.domain.events import EventKind
from engine.domain.leases import LeaseTimes
from engine.domain.statuses import JobStatus
from engine.execution import termination
from engine.processes import burial, embedded_postgresql, run_lock, spool
from engine.processes.job_run import ArtifactSettings
from engine.processes.standby import Standby
from engine.processes.supervisor import Orders
from engine.services import runs
from engine.store import database, events, jobs
from tests.integration import factories
from tests.integration.workplace import ROOT, Workplace, ended, started_task, until


@pytest.fixture
async def own_server(workplace: Workplace):
    """The workplace with an embedded server of its own, migrated by the command."""
    workplace.url = ""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "KEELYARD_HOME": str(workplace.home)}
    subprocess.run([sys.executable, "-m", "engine.processes", "migrate"], env=environment, check=True)
    url = embedded_postgresql.instance(workplace.home).url()
    await database.connect(url)
    yield url
    await database.close()


def kill_postmaster(workplace: Workplace) -> None:
    data = embedded_postgresql.instance(workplace.home).data
    os.kill(int((data / "postmaster.pid").read_text().splitlines()[0]), signal.SIGKILL)


def waiting_for(gate) -> str:
    return f"ansible.builtin.wait_for: {{path: {gate}, timeout: 60, sleep: 1}}"


async def test_a_run_goes_on_while_its_database_is_killed_and_started_again(own_server, workplace):
    """The worker brings the server back; no event is lost."""
    gate = workplace.home / "gate"
    workplace.playbook(first=waiting_for(gate), second="ansible.builtin.debug: {msg: done}")
    workplace.start_worker()
    job = await factories.job(await factories.cluster())
    await started_task(job.id, "Do first")

    kill_postmaster(workplace)
    gate.touch()

    done = await ended(job.id)
    log = await events.read(job.id)
    assert done.status is JobStatus.SUCCESS
    assert [event.sequence for event in log] == list(range(1, done.last_sequence + 1))


async def test_a_run_without_a_database_for_too_long_stops_cleanly(own_server, workplace, monkeypatch):
    """Its events wait in the spool until there is one again."""
    gate = workplace.home / "gate"
    workplace.playbook(first=waiting_for(gate), second="ansible.builtin.command: sleep 600")
    monkeypatch.setenv("KEELYARD_CONTENT", str(workplace.content))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    job = await factories.job(await factories.cluster())
    lock = run_lock.take(job.id)
    orders = Orders(
        job_id=job.id,
        attempt=await runs.claim(job.id, "worker"),
        database_url=own_server,
        encryption_key=factories.KEY,
        artifacts=ArtifactSettings("upstream", "", ""),
        times=LeaseTimes(patience=3.0, renew=1.0),
    )
    supervisor = Standby().launch(orders, lock)
    os.close(lock)
    await started_task(job.id, "Do first")

    embedded_postgresql.stop(workplace.home)
    gate.touch()

    async def gone() -> bool:
        return supervisor.poll() is not None

    await until(gone, "the end of the supervisor")
    assert supervisor.returncode == 1
    assert termination.processes(str(job.id)) == []
    spooled = [event for batch in spool.read(spool.path_of(job.id)) for event in batch]
    embedded_postgresql.ensure_running(workplace.home)
    assert await burial.bury(await jobs.get(job.id), factories.CIPHER)
    buried = await jobs.get(job.id)
    log = await events.read(job.id)
    assert buried.status is JobStatus.INTERRUPTED
    assert [event.sequence for event in log] == list(range(1, buried.last_sequence + 1))
    assert [event.kind for event in log[: len(spooled)]] == [event.kind for event in spooled]
    told = [event.message for event in log[len(spooled) : -1]]
    assert [text.split(":")[0] for text in sorted(told)] == list(factories.NODES)  # nobody answers there
    assert log[-1].kind is EventKind.JOB_FINISHED


async def test_no_secret_is_in_arguments_or_environment_of_a_run(own_server, workplace):
    """Whoever lists processes learns nothing."""
    workplace.playbook(first="ansible.builtin.command: sleep 600")
    workplace.start_worker()
    job = await factories.job(await factories.cluster())
    await started_task(job.id, "Do first")

    for process in psutil.process_iter():
        try:
            seen = " ".join([*process.cmdline(), *process.environ().values()])
        except psutil.Error:
            continue
        if process.pid not in {worker.pid for worker in workplace.workers}:  # its operator gave it the key
            assert factories.KEY not in seen, process.cmdline()
        assert factories.CANARY not in seen, process.cmdline()
    await runs.cancel(job.id)
    await ended(job.id)


async def test_a_server_that_is_away_is_one_typed_error_and_holds_up_nobody(own_server, workplace):
    """In a statement, when a transaction begins or ends, and when the pool closes with a connection out."""
    held = database.transaction()
    await held.__aenter__()

    embedded_postgresql.stop(workplace.home)

    with pytest.raises(database.DatabaseUnavailable, match="does not answer"):
        await database.fetch("SELECT 1")
    with pytest.raises(database.DatabaseUnavailable):
        await held.__aexit__(None, None, None)
    with pytest.raises(database.DatabaseUnavailable):
        async with database.transaction():
            pass
    never_returned = database.DATABASE.pool
    embedded_postgresql.ensure_running(workplace.home)
    await never_returned.acquire()
    await database.close()
    assert database.DATABASE.pool is None
