"""The event log at volume: events per second into PostgreSQL, and opening a job of 300,000 events."""

from __future__ import annotations

import asyncio
import tempfile
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path

from engine.domain.events import EventKind, RunEvent
from engine.processes import embedded_postgresql, spool
from engine.processes.event_writer import EventWriter
from engine.services import runs
from engine.store import database, event_pages, migration
from engine.store.event_pages import Filters, Span
from tests.bench import figures
from tests.bench.figures import Figure, Narrate
from tests.integration import factories

EVENTS = 300_000
PAGE = 500
_KINDS = (
    EventKind.TASK_STARTED,
    *[EventKind.HOST_OK] * 6,
    *[EventKind.HOST_CHANGED] * 2,
    EventKind.HOST_SKIPPED,
)
_FILTERS = {
    "last page": Filters(),
    "phase": Filters(phase="phase-3"),
    "host": Filters(host="node-5"),
    "status failed": Filters(kinds=(EventKind.HOST_FAILED,)),
    "status failed of a host": Filters(kinds=(EventKind.HOST_FAILED,), host="node-5"),
    "kind": Filters(kinds=(EventKind.TASK_STARTED,)),
    "search": Filters(text="needle"),
}


def measure(narrate: Narrate) -> list[Figure]:
    """The real spool, writer and COPY on an embedded server of its own; nothing else runs on it."""
    with tempfile.TemporaryDirectory(prefix="keelyard-bench-") as name:
        home = Path(name)
        home.chmod(0o755)
        embedded_postgresql.ensure_running(home)
        try:
            return asyncio.run(_measured(embedded_postgresql.instance(home).url(), home, narrate))
        finally:
            embedded_postgresql.stop(home)


async def _measured(url: str, home: Path, narrate: Narrate) -> list[Figure]:
    await migration.migrate(url)
    await database.connect(url)
    try:
        load = figures.load()
        job = await factories.job(await factories.cluster())
        attempt = await runs.claim(job.id, "bench")
        assert attempt is not None
        rate = EVENTS / await write(job.id, attempt, home)
        narrate(f"{rate:,.0f} events per second from a flood to PostgreSQL")
        opened = {name: await _opened(job.id, filters) for name, filters in _FILTERS.items()}
        for name, times in opened.items():
            narrate(f"{name}: " + ", ".join(f"{one:.0f} ms" for one in times))
    finally:
        await database.close()
    slowest = max(opened, key=lambda name: max(opened[name]))
    return [
        Figure(
            name="events into PostgreSQL, one in so many microseconds",
            unit="µs",
            aim=500.0,
            measured=[1e6 / rate],
            load=load,
            notes=[f"{rate:,.0f} events per second, {EVENTS:,} of them, through spool and COPY"],
        ),
        Figure(
            name=f"opening a {EVENTS:,}-event job, slowest filter",
            unit="ms",
            aim=1000.0,
            measured=[max(opened[slowest])],
            load=load,
            notes=["; ".join(f"{name} {max(times):.0f}" for name, times in opened.items())],
        ),
    ]


async def write(job_id: uuid.UUID, attempt: int, home: Path, hosts: int = 97) -> float:
    """All events of a run, as its supervisor writes them. Returns how many seconds that took."""
    log = spool.Spool(home / "run.jsonl", attempt)
    writer = EventWriter(job_id, attempt, log, on_fenced=lambda: None, on_full=lambda: None)
    writing = asyncio.create_task(writer.run())
    began = time.monotonic()
    await asyncio.to_thread(lambda: [writer.record(_event(number, hosts)) for number in range(1, EVENTS + 1)])
    while writer.waiting:  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0.01)
    took = time.monotonic() - began
    writing.cancel()
    log.remove()
    return took


async def _opened(job_id: object, filters: Filters) -> list[float]:
    """Milliseconds of the last page with a filter, five times; the first is as cold as the server is."""
    found = []
    for _ in range(5):
        began = time.monotonic()
        await event_pages.read(job_id, Span(above=0, below=EVENTS + 1, backwards=True), filters, PAGE)  # type: ignore[arg-type]
        found.append((time.monotonic() - began) * 1000)
    return found


def _event(number: int, hosts: int) -> RunEvent:
    kind = EventKind.HOST_FAILED if number in (1000, EVENTS - 1000) else _KINDS[number % len(_KINDS)]
    return RunEvent(
        kind=kind,
        created_at=datetime.now(UTC),
        phase=f"phase-{number * 10 // (EVENTS + 1)}",
        host=None if kind is EventKind.TASK_STARTED else f"node-{number % hosts}",
        task=f"Install thing {number}",
        role="containerd",
        message="needle" if number == EVENTS // 2 else "",
        duration_seconds=0.1,
        data={"result": {"changed": False, "stdout": "x" * 200}},
    )
