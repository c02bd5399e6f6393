"""Several hosts, one PostgreSQL over TCP: jobs spread, a host dies, freezes or is drained."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import uuid
from collections.abc import AsyncIterator

import httpx
import pytest

from engine.domain.capacity import WorkerState
from engine.domain.statuses import JobStatus
from engine.services import workers
from engine.services.identity import Caller
from engine.store import database, jobs, records
from tests.integration import factories, hosts
from tests.integration.hosts import Host, Yard
from tests.integration.workplace import PLAY, until

pytestmark = pytest.mark.timeout(240)

CALLER = Caller(address="test")
PASSWORD = "A long one for the yard 1!"
ADMIN = "admin@k8s-provisioner.local"
WAIT_FOR_GATE = "ansible.builtin.wait_for: {{path: '{gate}', timeout: 600, sleep: 1}}"


@contextlib.asynccontextmanager
async def yard_of(count: int) -> AsyncIterator[Yard]:
    """Hosts with a worker each, whose runs end when the yard's gate is opened; the store is connected."""
    hosts.require()
    with hosts.yard(count) as yard:
        gate = yard.directory / "gate"
        task = WAIT_FOR_GATE.format(gate=gate)
        yard.playbook("---" + PLAY.format(name="Wait", slug="wait", task=task))
        for host in yard.hosts:
            host.start_worker()
        await database.connect(yard.local_url)
        try:
            await until(lambda: _in_state(WorkerState.READY, count), "the start of all workers")
            yield yard
        except BaseException:
            for host in yard.hosts:
                print(host.name, (host.home / "host.log").read_text())
            raise
        finally:
            await database.close()


async def _in_state(state: WorkerState, count: int) -> bool:
    return [worker.state for worker in await workers.every()].count(state) == count


async def queued(count: int) -> list[records.Job]:
    return [await factories.job(await factories.cluster()) for _ in range(count)]


async def now(given: list[records.Job]) -> list[records.Job]:
    """The jobs as they are now."""
    return [await jobs.get(job.id) for job in given]


async def all_in(given: list[records.Job], status: JobStatus, *on: Host) -> list[records.Job]:
    """Wait until all jobs have a status, on these hosts if any are named."""
    names = {host.worker for host in on}

    async def check() -> list[records.Job] | None:
        found = await now(given)
        fits = all(job.status is status and (not names or job.worker in names) for job in found)
        return found if fits else None

    return await until(check, f"{len(given)} jobs {status.value}")


async def begun(given: list[records.Job]) -> None:
    """Wait until each job's supervisor owns it."""

    async def check() -> bool:
        return all(job.supervisor_pid for job in await now(given))

    await until(check, "the start of the supervisors")


async def test_a_host_that_dies_takes_only_its_own_jobs_along():
    """Six jobs over three hosts; one loses power; what it ran is retried elsewhere through another's API."""
    async with yard_of(3) as yard:
        first, second, third = yard.hosts
        api = first.keelyard(
            *("api", "--host", first.address, "--port", "8000"), ADMIN_PASSWORD=PASSWORD, ADMIN_EMAIL=ADMIN
        )
        spread = await all_in(await queued(6), JobStatus.RUNNING)
        await begun(spread)
        [waiting] = await queued(1)
        by_host = {host.name: [job for job in spread if job.worker == host.worker] for host in yard.hosts}
        told = (await workers.waiting_for([waiting.id]))[waiting.id]

        assert [len(found) for found in by_host.values()] == [2, 2, 2]
        assert told == "Room on a worker: position 1 in the queue."
        second.lose_power()
        dead = await all_in(by_host[second.name], JobStatus.INTERRUPTED)
        others = await now(by_host[first.name] + by_host[third.name])

        assert all("showed no life" in job.reason for job in dead), dead
        assert {job.status for job in others} == {JobStatus.RUNNING}
        assert [await jobs.active_of_cluster(job.cluster_id) for job in dead] == [[], []]
        await until(lambda: _in_state(WorkerState.LOST, 1), "the loss of a worker")
        (yard.directory / "gate").touch()
        await all_in([waiting], JobStatus.SUCCESS, first, third)
        answers = await asyncio.to_thread(
            _ask_from,
            third,
            first.address,
            *(f"POST /api/v1/jobs/{job.id}/retry" for job in dead),
            f"DELETE /api/v1/workers/{second.worker}",
        )
        retried = [await jobs.get(uuid.UUID(answer["job_id"])) for answer in answers[:2]]
        await all_in(retried, JobStatus.SUCCESS, first, third)
        await all_in(others, JobStatus.SUCCESS)

        assert len(await workers.every()) == 2
        assert api.poll() is None


async def test_a_host_that_dies_while_the_server_waits_for_its_data_keeps_no_row_locked():
    """Such a transaction is not idle, and what the server has told it is never acknowledged."""
    async with yard_of(2) as yard:
        first, second = yard.hosts
        running = await all_in(await queued(2), JobStatus.RUNNING)
        await begun(running)
        [held] = [job for job in running if job.worker == second.worker]
        told = second.home / "held"
        second.start("-c", _HOLD, yard.url, str(held.id), str(told))

        async def holds() -> bool:
            return told.exists()

        await until(holds, "a transaction with the job's row")
        second.lose_power()

        [dead] = await all_in([held], JobStatus.INTERRUPTED)
        assert dead.worker == first.worker


_HOLD = """
import sys, time, psycopg
from engine.store import database
settings = database.connection_arguments(sys.argv[1])["server_settings"]
options = " ".join(f"-c {name}={value}" for name, value in settings.items())
connection = psycopg.connect(sys.argv[1], options=options)
connection.execute("SELECT 1 FROM job WHERE id = %s FOR UPDATE", [sys.argv[2]])
connection.pgconn.send_query(b"SELECT pg_sleep(3); COPY event FROM STDIN")
connection.pgconn.flush()
open(sys.argv[3], "w").close()
time.sleep(600)
"""


async def test_a_drained_host_finishes_what_it_runs_and_starts_nothing():
    """Over a restart of its worker; then it is resumed."""
    async with yard_of(2) as yard:
        first, second = yard.hosts
        running = await all_in(await queued(2), JobStatus.RUNNING)
        await begun(running)
        [mine] = [job for job in running if job.worker == first.worker]

        draining = second.workers_command("drain", first.worker, "--wait")
        await until(lambda: _in_state(WorkerState.DRAINING, 1), "the drain")
        [worker] = [each for each in first.processes() if "worker" in each.cmdline()]
        worker.terminate()
        await until(lambda: _in_state(WorkerState.STOPPED, 1), "the end of the worker")
        first.start_worker()
        await until(lambda: _in_state(WorkerState.DRAINING, 1), "the worker again, still drained")
        [fits, waits] = await queued(2)
        await all_in([fits], JobStatus.RUNNING, second)

        assert (await jobs.get(waits.id)).status is JobStatus.QUEUED
        assert draining.poll() is None
        (yard.directory / "gate").touch()
        await all_in([mine, waits], JobStatus.SUCCESS)
        assert await asyncio.to_thread(draining.wait, 60) == 0
        assert (await workers.find(first.worker)).state is WorkerState.DRAINED
        assert (await jobs.get(waits.id)).worker == second.worker

        assert await asyncio.to_thread(second.workers_command("drain", second.worker).wait, 60) == 0
        [last] = await queued(1)
        assert "2 drained" in (await workers.waiting_for([last.id]))[last.id]
        assert await asyncio.to_thread(second.workers_command("resume", first.worker).wait, 60) == 0
        await all_in([last], JobStatus.SUCCESS, first)


async def test_a_frozen_host_holds_nobody_up():
    """Not the jobs it was to take, nor the one it had claimed; and it works again when it thaws."""
    async with yard_of(2) as yard:
        (yard.directory / "gate").touch()
        first, second = yard.hosts
        [claimed] = await queued(1)
        await all_in([claimed], JobStatus.SUCCESS)
        second.signal(signal.SIGSTOP)
        # What a freeze between claim and start leaves: a claim that nobody begins.
        stuck = await factories.cluster()
        frozen = records.Job(
            cluster_id=stuck.id,
            type=claimed.type,
            requested_by=None,
            requested_by_email="operator@example.com",
        )
        await jobs.add(frozen)
        await workers.claim(frozen.id, second.worker)
        await database.fetch("UPDATE job SET lease_seconds = 3 WHERE id = $1", frozen.id)

        taken = await queued(4)

        await all_in(taken, JobStatus.SUCCESS, first)
        await all_in([frozen], JobStatus.SUCCESS, first)
        second.signal(signal.SIGCONT)
        await until(lambda: _in_state(WorkerState.READY, 2), "the thaw")
        await workers.drain(first.worker, CALLER)
        await all_in(await queued(1), JobStatus.SUCCESS, second)


def _ask_from(host: Host, address: str, *requests: str) -> list[dict]:
    """The answers of an API on another host to requests of an administrator on this one."""
    script = """
import json, sys, time, httpx
client = httpx.Client(base_url=f"http://{sys.argv[1]}:8000", timeout=30, trust_env=False)
form = {"username": sys.argv[2], "password": sys.argv[3]}
token = client.post("/api/v1/auth/login", data=form).raise_for_status().json()["access_token"]
client.headers["Authorization"] = f"Bearer {token}"
told = []
for request in sys.argv[5:]:
    method, path = request.split(" ")
    answer = client.request(method, path).raise_for_status()
    told.append(answer.json() if answer.content else {})
open(sys.argv[4], "w").write(json.dumps(told))
"""
    file = host.home / "answers.json"
    done = host.start("-c", script, address, ADMIN, PASSWORD, str(file), *requests).wait(60)
    assert done == 0, (host.home / "host.log").read_text()
    return httpx.Response(200, content=file.read_bytes()).json()
