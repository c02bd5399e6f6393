"""No event is lost or told twice: a database that is away, a disk that is full, a flood, strange bytes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import psycopg
import pytest

from engine.domain.events import EventKind, RunEvent
from engine.domain.statuses import JobStatus
from engine.processes import embedded_postgresql, event_writer, spool
from engine.processes.event_writer import EventWriter
from engine.services import runs
from engine.store import database, event_pages, events, jobs
from engine.store.event_pages import Filters, Span
from tests.integration import factories
from tests.integration.workplace import ROOT, Workplace, ended, gone, started_task, until

ENDLESS = 2**62


def event(number: int, kind: EventKind = EventKind.HOST_OK) -> RunEvent:
    return RunEvent(kind=kind, created_at=datetime.now(UTC), host=f"node-{number % 7}", task=f"Task {number}")


class Writing:
    """A running job whose events a real writer carries from a real spool."""

    def __init__(self, job_id, writer: EventWriter, log: spool.Spool) -> None:
        self.job_id = job_id
        self.writer = writer
        self.log = log

    async def written(self) -> None:
        async def check() -> bool:
            return not self.writer.waiting

        await until(check, "the last event in the database")

    async def sequences(self) -> list[int]:
        found = await database.fetch(
            "SELECT sequence FROM event WHERE job_id = $1 ORDER BY sequence", self.job_id
        )
        return [row["sequence"] for row in found]


@pytest.fixture
async def writing(store, tmp_path):
    """A job, claimed, and its writer."""
    job = await factories.job(await factories.cluster())
    attempt = await runs.claim(job.id, "worker")
    log = spool.Spool(tmp_path / "run.jsonl", attempt)

    def unexpected() -> None:
        raise AssertionError("fenced or full")

    writer = EventWriter(job.id, attempt, log, on_fenced=unexpected, on_full=unexpected)
    task = asyncio.create_task(writer.run())
    yield Writing(job.id, writer, log)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    log.close()


async def test_a_hundred_thousand_events_arrive_complete_and_in_order(writing: Writing, tmp_path):
    """As fast as they can be told; the writer holds one batch of them, and the spool ends empty."""
    total = 100_000

    def flood() -> None:
        for number in range(1, total + 1):
            writing.writer.record(event(number))

    await asyncio.to_thread(flood)
    await writing.written()

    assert await writing.sequences() == list(range(1, total + 1))
    whole = await event_pages.read(writing.job_id, Span(above=50_000, below=ENDLESS), Filters(), 3)
    assert [one.task for one in whole.events] == ["Task 50001", "Task 50002", "Task 50003"]
    assert (await jobs.get(writing.job_id)).last_sequence == total
    assert (tmp_path / "run.jsonl").stat().st_size < spool.MEGABYTE


async def test_a_batch_whose_answer_was_lost_is_in_the_database_once(writing: Writing, monkeypatch):
    """It was committed, the connection broke before the answer: it is sent again and left out."""
    append, lost = runs.append, []

    async def answers_lost(*arguments):
        await append(*arguments)
        if len(lost) < 3:
            lost.append(arguments)
            raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")

    monkeypatch.setattr(event_writer.runs, "append", answers_lost)
    monkeypatch.setattr(event_writer, "RETRY_SECONDS", 0.01)
    for number in range(1, 1201):
        writing.writer.record(event(number))
    await writing.written()

    assert len(lost) == 3
    assert await writing.sequences() == list(range(1, 1201))


async def test_connections_cut_at_random_lose_and_double_nothing(writing: Writing, store, monkeypatch):
    """The server ends every connection again and again, wherever the COPY is just then."""
    monkeypatch.setattr(event_writer, "RETRY_SECONDS", 0.01)
    with psycopg.connect(store, autocommit=True) as connection:
        for number in range(1, 4001):
            writing.writer.record(event(number))
            if number % 400 == 0:
                await asyncio.sleep(0.02)
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
    await writing.written()

    async def everything() -> list[int]:
        return await writing.sequences()

    assert await until(everything, "an answer") == list(range(1, 4001))


@pytest.fixture
async def own_server(workplace: Workplace, monkeypatch):
    """A server of this test alone, that it may stop."""
    workplace.url = ""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "KEELYARD_HOME": str(workplace.home)}
    subprocess.run([sys.executable, "-m", "engine.processes", "migrate"], env=environment, check=True)
    url = embedded_postgresql.instance(workplace.home).url()
    await database.connect(url)
    yield embedded_postgresql.instance(workplace.home)
    await database.close()


def _signal_all(data: Path, number: signal.Signals) -> None:
    """The whole server: postmaster and every backend."""
    postmaster = int((data / "postmaster.pid").read_text().splitlines()[0])
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    for pid in [postmaster, *map(int, children)]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


async def test_a_run_goes_on_while_its_database_hangs(own_server, workplace: Workplace):
    """A stopped server accepts connections and answers none: as one that cannot be reached."""
    gate = workplace.home / "gate"
    workplace.playbook(
        first=f"ansible.builtin.wait_for: {{path: {gate}, timeout: 60, sleep: 1}}",
        second="ansible.builtin.debug: {msg: done}\n      loop: '{{ range(20) | list }}'",
        third=f"ansible.builtin.copy: {{content: x, dest: {workplace.home / 'through'}}}",
    )
    workplace.start_worker()
    job = await factories.job(await factories.cluster())
    await started_task(job.id, "Do first")

    _signal_all(own_server.data, signal.SIGSTOP)
    try:
        gate.touch()
        await _exists(workplace.home / "through")  # the run is through while the database hangs
    finally:
        _signal_all(own_server.data, signal.SIGCONT)

    done = await ended(job.id)
    log = await events.read(job.id)
    assert done.status is JobStatus.SUCCESS
    assert [event.sequence for event in log] == list(range(1, done.last_sequence + 1))


async def _exists(path: Path) -> None:
    async def check() -> bool:
        return path.exists()

    await until(check, f"{path.name}")


async def test_a_full_disk_stops_the_run_cleanly_and_says_so(store, workplace: Workplace):
    """A really full filesystem: a small tmpfs over the spool, which nobody else sees."""
    (workplace.home / "spool").mkdir()
    gate = workplace.home / "gate"
    workplace.playbook(
        first=f"ansible.builtin.wait_for: {{path: {gate}, timeout: 60, sleep: 1}}",
        second="ansible.builtin.command: seq 1 4000",
        third="ansible.builtin.command: sleep 600",
    )
    worker = _worker_with_small_spool(workplace)
    job = await factories.job(await factories.cluster())
    await started_task(job.id, "Do first")
    _fill(Path(f"/proc/{worker.pid}/root{workplace.home}/spool/filler"))
    gate.touch()

    done = await ended(job.id)
    log = await events.read(job.id)

    assert done.status is JobStatus.INTERRUPTED
    assert f"The disk that holds {workplace.home}/spool is full" in done.reason
    assert "Free some space" in done.reason
    assert [event.sequence for event in log] == list(range(1, done.last_sequence + 1))
    assert log[-1].kind is EventKind.JOB_FINISHED
    await gone(job.id)


def _worker_with_small_spool(place: Workplace) -> subprocess.Popen[bytes]:
    """A worker in a mount namespace of its own, whose spool is a tmpfs of 1 MB."""
    mount = f"mount -t tmpfs -o size=1m keelyard {place.home}/spool"
    return place.start_worker(
        prefix=["unshare", "--mount", "--propagation", "private", "sh", "-c", f'{mount} && exec "$@"', "sh"]
    )


def _fill(path: Path) -> None:
    with contextlib.suppress(OSError), path.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)


async def test_strange_bytes_and_huge_lines_of_a_task_are_visible_to_the_end(store, workplace: Workplace):
    """NUL, bytes that are no UTF-8 and ten megabytes in one line, from a real command to the log."""
    script = workplace.home / "strange"
    script.write_text(
        "import sys\nsys.stdout.buffer.write({'nul': b'a\\0b', 'bytes': b'caf\\xe9 \\xff',"
        " 'huge': b'y' * 10_000_000 + b' end'}[sys.argv[1]])\n"
    )
    workplace.playbook(
        **{
            name: f"ansible.builtin.command: {sys.executable} {script} {name}"
            for name in ("nul", "bytes", "huge")
        },
        fails="ansible.builtin.fail: {msg: \"{{ 'z' * 2000000 }} the end\"}",
    )
    workplace.start_worker()
    job = await factories.job(await factories.cluster())

    done = await ended(job.id)
    log = {
        (one.task or "").removeprefix("Do "): one
        for one in await events.read(job.id)
        if one.kind in (EventKind.HOST_CHANGED, EventKind.HOST_FAILED)
    }

    assert done.status is JobStatus.FAILED
    assert log["nul"].data["result"]["stdout"] == "a␀b"
    assert log["bytes"].data["result"]["stdout"] == "caf\\xe9 \\xff", log["bytes"]
    huge = log["huge"].data["result"]
    assert huge["stdout"].endswith("y end")
    assert huge["stdout"].startswith("[… 9,9")
    assert "stdout_lines" in huge["left_out"]
    assert "characters left out]" in log["fails"].message
    assert log["fails"].message.endswith("z the end")


async def test_old_events_go_by_partition_and_never_those_of_a_running_job(store):
    """Three jobs of two years ago: one still runs."""
    old = await _job_with_events("2024-03-05")
    other = await _job_with_events("2024-04-05")
    running = await _job_with_events("2024-03-06")
    lost = await _job_with_events("2024-05-01", partition=False)
    await database.fetch("SELECT 1")
    for job_id in (old, other, lost):
        await runs.finish(job_id, 1, runs.RunResult(status=JobStatus.SUCCESS), [], factories.CIPHER)

    assert await events.drop_partitions(13) == 1
    assert await event_pages.first(old) == 1  # its month has events of a job that runs
    assert await event_pages.first(running) == 1
    assert await event_pages.first(other) is None
    assert await event_pages.first(lost) is None

    await runs.finish(running, 1, runs.RunResult(status=JobStatus.SUCCESS), [], factories.CIPHER)
    assert await events.drop_partitions(13) == 1
    assert await event_pages.first(old) is None
    assert await events.drop_partitions(13) == 0


async def _job_with_events(day: str, *, partition: bool = True):
    """A running job of another time, in that month's partition or in the default one."""
    month = datetime.fromisoformat(f"{day}T12:00:00+00:00")
    if partition:
        name = f"event_{month:%Y_%m}"
        first, following = f"{month:%Y-%m}-01", f"{month.year}-{month.month + 1:02d}-01"
        with psycopg.connect(database.DATABASE.config["dsn"], autocommit=True) as connection:
            connection.execute(
                f"CREATE TABLE IF NOT EXISTS {name} PARTITION OF event"
                f" FOR VALUES FROM ('{first} 00:00+00') TO ('{following} 00:00+00')"
            )
    job = await factories.job(await factories.cluster())
    attempt = await runs.claim(job.id, "worker")
    told = [
        RunEvent(kind=EventKind.MESSAGE, created_at=month, sequence=number, attempt=attempt, message="old")
        for number in (1, 2)
    ]
    await runs.append(job.id, attempt, told)
    return job.id


@pytest.mark.parametrize(
    ("filters", "index"),
    [
        (Filters(), "_pkey"),
        (Filters(kinds=(EventKind.HOST_FAILED,)), "job_id_kind_sequence"),
        (Filters(phase="second"), "job_id_phase_kind_sequence"),
        (Filters(host="node-3"), "job_id_host_kind_sequence"),
        (Filters(host="node-3", kinds=(EventKind.HOST_FAILED,)), "job_id_host_kind_sequence"),
    ],
)
async def test_pages_of_a_long_job_are_read_by_index(store, filters: Filters, index: str):
    """The plan says so, and reads no more rows than it shows, per kind."""
    job = await factories.job(await factories.cluster())
    attempt = await runs.claim(job.id, "worker")
    told = [
        RunEvent(
            kind=EventKind.HOST_FAILED if number % 1000 == 0 else EventKind.HOST_OK,
            created_at=datetime.now(UTC),
            sequence=number,
            attempt=attempt,
            phase="first" if number < 10_000 else "second",
            host=f"node-{number % 7}",
        )
        for number in range(1, 20_001)
    ]
    await runs.append(job.id, attempt, told)
    with psycopg.connect(store, autocommit=True) as connection:
        connection.execute("ANALYZE event")
    for backwards in (False, True):
        span = Span(above=0, below=ENDLESS, backwards=backwards)
        sql, *values = event_pages._statement(job.id, span, filters, 101)
        plan = await database.fetch_one(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", *values)
        scans = [node for node in _nodes(plan["QUERY PLAN"]) if node.get("Relation Name")]
        read = sum(node["Actual Rows"] * node["Actual Loops"] for node in scans)

        assert scans
        assert not [node for node in scans if node["Node Type"] == "Seq Scan" and node["Actual Rows"]]
        assert all(index in node["Index Name"] for node in scans if node["Actual Rows"])
        assert read <= 101 * len(EventKind)


def _nodes(plan) -> list[dict]:
    found = json.loads(plan) if isinstance(plan, str) else plan
    waiting, seen = [found[0]["Plan"]], []
    while waiting:
        node = waiting.pop()
        seen.append(node)
        waiting += node.get("Plans", [])
    return seen
