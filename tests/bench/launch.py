"""How soon a job starts while others queue, how soon room is handed over, and what memory a run takes.

No nodes are needed: the playbook of every job waits on this machine until its gate is opened.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import psutil

from engine.domain import capacity
from engine.execution import termination
from engine.processes import embedded_postgresql
from engine.services import runs
from engine.store import database, jobs, migration, records
from tests.bench import figures, server
from tests.bench.figures import BenchNotPossible, Figure, Narrate
from tests.integration import factories

QUEUED = (1, 20, 200)
ROUNDS = 5
HANDOVERS = 6
PATIENCE_SECONDS = 120
SETTLED_SECONDS = (
    6.0  # the next supervisor is loaded 5 s after a start; starts beside it are measured as they are
)
MANY_NODES = 8
PLAYBOOK = """---
- name: Wait
  hosts: k8s_cluster
  gather_facts: false
  connection: local
  tags: [wait]
  tasks:
    - name: Wait for the gate
      ansible.builtin.command: "sh -c 'until test -e {gate}; do sleep 0.2; done'"
"""


class Site:
    """A home with a database, and jobs that wait for one gate."""

    def __init__(self, directory: Path) -> None:
        self.home = directory / "home"
        self.gate = directory / "gate"
        self._content = directory / "content"
        (self._content / "playbooks").mkdir(parents=True)
        (self._content / "roles").mkdir()
        (self._content / "playbooks" / "provision.yml").write_text(PLAYBOOK.format(gate=self.gate))
        self.home.mkdir()
        self.url = embedded_postgresql.ensure_running(self.home)

    @contextlib.asynccontextmanager
    async def worker(self, *arguments: str) -> AsyncIterator[None]:
        """A worker that has started; ended with all its runs."""
        variables = {
            "KEELYARD_HOME": str(self.home),
            "KEELYARD_CONTENT": str(self._content),
            "KEELYARD_ARTIFACTS": "upstream",
            "DATABASE_URL": self.url,
            "ENCRYPTION_KEY": factories.KEY,
        }
        with (self.home / "worker.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "engine.processes", "worker", *arguments],
                env=os.environ | variables,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            await _until(lambda: database.fetch("SELECT 1 FROM worker WHERE stopped_at IS NULL"), "a worker")
            await asyncio.sleep(SETTLED_SECONDS)
            yield
        finally:
            await self.clear()
            await asyncio.to_thread(server.stop, process)

    async def clear(self) -> None:
        """End every job."""
        for row in await database.fetch(
            "SELECT id FROM job WHERE status = 'queued' ORDER BY created_at DESC"
        ):
            await runs.cancel(row["id"])
        self.gate.touch()
        await _until(_nothing_runs, "the end of all runs")
        self.gate.unlink()


def measure(narrate: Narrate) -> list[Figure]:
    """Everything on one worker with the embedded PostgreSQL."""
    directory = Path(tempfile.mkdtemp(prefix="keelyard-bench-"))
    directory.chmod(0o755)
    site = Site(directory)
    try:
        return asyncio.run(_measured(site, narrate))
    finally:
        embedded_postgresql.stop(site.home)
        place = embedded_postgresql.instance(site.home)
        for rest in (place.socket, place.base, directory):
            shutil.rmtree(rest, ignore_errors=True)


async def _measured(site: Site, narrate: Narrate) -> list[Figure]:
    await migration.migrate(site.url)
    await database.connect(site.url)
    try:
        return [
            *[figure for count in QUEUED for figure in await _launches(site, count, narrate)],
            await _memory(site, narrate),
        ]
    finally:
        await database.close()


async def _launches(site: Site, count: int, narrate: Narrate) -> list[Figure]:
    load = figures.load()
    picked, told = await _with_room(site, count)
    handed = await _handed_over(site, count)
    narrate(
        f"{count} queued: claimed after {statistics.median(picked):.0f} ms, first event after "
        f"{statistics.median(told):.0f} ms; room handed over in {statistics.median(handed):.0f} ms"
    )
    return [
        Figure(
            name=f"job queued to claimed, room free, {count} others queued",
            unit="ms",
            aim=100.0,
            measured=picked,
            load=load,
            notes=[
                f"to its first event {statistics.median(told):.0f} ms; the others wait for their clusters"
            ],
        ),
        Figure(
            name=f"a job's end to the next one's start, {count} waiting for room",
            unit="ms",
            aim=1000.0,
            measured=handed,
            load=load,
        ),
    ]


async def _with_room(site: Site, count: int) -> tuple[list[float], list[float]]:
    """Milliseconds, by the database's clock, from a job's row to its claim and to its first event."""
    busy = await factories.cluster()
    async with site.worker("--forks", "100"):
        first = await factories.job(busy)
        await _until(lambda: _begun(first.id), "the first run")
        for _ in range(count):
            await factories.job(busy)
        picked, told = [], []
        for _ in range(ROUNDS):
            await asyncio.sleep(SETTLED_SECONDS)
            job = await _queued_now()
            await _until(lambda job=job: _begun(job.id), "a start")  # type: ignore[misc]
            times = await database.fetch_one(
                """SELECT extract(epoch FROM job.started_at - job.created_at)::float8 * 1000 AS picked,
                       extract(epoch FROM event.created_at - job.created_at)::float8 * 1000 AS told
                   FROM job JOIN event ON event.job_id = job.id AND event.sequence = 1 WHERE job.id = $1""",
                job.id,
            )
            assert times is not None
            picked.append(times["picked"])
            told.append(times["told"])
    return picked, told


async def _handed_over(site: Site, count: int) -> list[float]:
    """Milliseconds from the end of a run to the claim of the next, with one run at a time."""
    async with site.worker("--concurrency", "1"):
        waiting = [await factories.job(await factories.cluster()) for _ in range(count + HANDOVERS)]
        site.gate.touch()
        await _until(lambda: _begun(waiting[HANDOVERS].id), "the last hand-over")
        site.gate.unlink(missing_ok=True)
        rows = await database.fetch(
            """SELECT extract(epoch FROM started_at - lag(finished_at) OVER (ORDER BY started_at))::float8
                      * 1000 AS waited
               FROM job WHERE id = ANY($1) AND started_at IS NOT NULL ORDER BY started_at""",
            [job.id for job in waiting],
        )
    return [row["waited"] for row in rows if row["waited"] is not None][:HANDOVERS]


async def _memory(site: Site, narrate: Narrate) -> Figure:
    """Megabytes of a run, each page shared out among those that have it, on one node and on many."""
    totals = {}
    async with site.worker("--forks", str(MANY_NODES)):
        for nodes in (1, MANY_NODES):
            names = tuple(f"node-{number}" for number in range(nodes))
            job = await factories.job(await factories.cluster(node_names=names))
            await _until(lambda job=job, nodes=nodes: _works_on(job.id, nodes), "work on all nodes")  # type: ignore[misc]
            await asyncio.sleep(1)
            totals[nodes] = await _megabytes(job.id)
            await site.clear()
    fork = (totals[MANY_NODES] - totals[1]) / (MANY_NODES - 1)
    base = totals[1] - fork
    narrate(f"a run: {base:.0f} MB and {fork:.0f} MB a node")
    counted = capacity.RUN_MEGABYTES + MANY_NODES * capacity.FORK_MEGABYTES
    return Figure(
        name=f"memory of a run on {MANY_NODES} nodes",
        unit="MB",
        aim=float(counted),
        measured=[totals[MANY_NODES]],
        load=figures.load(),
        notes=[
            f"{base:.0f} MB for supervisor and ansible-playbook, {fork:.0f} MB a fork (PSS, tasks without "
            f"big modules); capacity counts with {capacity.RUN_MEGABYTES} and {capacity.FORK_MEGABYTES}"
        ],
    )


async def _queued_now() -> records.Job:
    """A job whose row has the database's own time."""
    cluster = await factories.cluster()
    async with database.transaction():
        job = await factories.job(cluster)
        await database.fetch("UPDATE job SET created_at = clock_timestamp() WHERE id = $1", job.id)
    return job


async def _begun(job_id: uuid.UUID) -> bool:
    return bool(await database.fetch("SELECT 1 FROM event WHERE job_id = $1 LIMIT 1", job_id))


async def _works_on(job_id: uuid.UUID, nodes: int) -> bool:
    waiting = [process for process in termination.processes(str(job_id)) if "until test" in _line(process)]
    return len(waiting) >= nodes


def _line(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""


async def _megabytes(job_id: uuid.UUID) -> float:
    job = await jobs.get(job_id)
    assert job is not None
    tree = {process.pid: process for process in termination.processes(str(job_id))}
    if job.supervisor_pid is not None:
        supervisor = psutil.Process(job.supervisor_pid)
        tree |= {process.pid: process for process in (supervisor, *supervisor.children(recursive=True))}
    total = 0
    for process in tree.values():
        with contextlib.suppress(psutil.Error):
            total += process.memory_full_info().pss
    return total / 1024 / 1024


async def _nothing_runs() -> bool:
    return not await database.fetch("SELECT 1 FROM job WHERE status = 'running'")


async def _until(condition: Callable[[], Awaitable[Any]], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not await condition():
        if time.monotonic() > deadline:
            raise BenchNotPossible(f"{what} did not come about within {PATIENCE_SECONDS} s")
        await asyncio.sleep(0.1)
