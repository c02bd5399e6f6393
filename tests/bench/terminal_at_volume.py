"""The terminal on the real API and store: signing in, 10,000 jobs, 2,000 hosts, 300,000 events."""

from __future__ import annotations

import asyncio
import time
import uuid
from typing import Any

import asyncpg
from textual.pilot import Pilot

from engine.services import runs
from engine.store import database
from tests.bench import event_store, figures, server
from tests.bench.figures import Figure, Narrate, quantile
from tests.bench.terminal_watch import Watch, shown, terminal
from tests.integration import factories
from tui import messages
from tui.screens.dashboard import DashboardScreen
from tui.screens.job import JobScreen
from tui.screens.jobs import JobsScreen
from tui.widgets.event_log import EventLog
from tui.widgets.host_grid import HostGrid
from tui.widgets.row_table import RowTable

JOBS = 10_000
HOSTS = 2_001  # odd, so that the kinds of events, ten in turn, reach every host
TURNS = 20
ROUNDS = 3
_COPIES = """
INSERT INTO job SELECT (jsonb_populate_record(one, jsonb_build_object(
    'id', gen_random_uuid(), 'status', 'success', 'created_at', now() - number * interval '1 minute',
    'last_sequence', 0))).*
FROM job AS one, generate_series(1, $2) AS number WHERE one.id = $1
"""


def measure(narrate: Narrate) -> list[Figure]:
    """One server, filled first; the terminal runs in this process."""
    with server.running() as keelyard:
        job_id = asyncio.run(_fill(keelyard, narrate))
        return asyncio.run(_measured(keelyard, str(job_id), narrate))


async def _fill(keelyard: server.Server, narrate: Narrate) -> uuid.UUID:
    """A running job of many hosts and events, the newest of many jobs."""
    await database.connect(keelyard.database_url)
    try:
        hosts = tuple(f"node-{number}" for number in range(HOSTS))
        job = await factories.job(await factories.cluster("volume", node_names=hosts))
        attempt = await runs.claim(job.id, "bench")
        assert attempt is not None
        took = await event_store.write(job.id, attempt, keelyard.home, HOSTS)
    finally:
        await database.close()
    connection = await asyncpg.connect(keelyard.database_url)
    try:
        await connection.execute(_COPIES, job.id, JOBS - 1)
        await connection.execute("ANALYZE")
    finally:
        await connection.close()
    narrate(f"filled: {event_store.EVENTS:,} events in {took:.0f} s, {JOBS:,} jobs, {HOSTS:,} hosts")
    return job.id


async def _measured(keelyard: server.Server, job_id: str, narrate: Narrate) -> list[Figure]:
    load = figures.load()
    first = [await _first_screen(keelyard) for _ in range(ROUNDS)]
    narrate("first screen after the login: " + _times(first))
    async with terminal(keelyard.url, server.EMAIL, server.PASSWORD, "jobs") as pilot:
        turned = await _turn_pages(pilot)
        narrate(f"pages of {JOBS:,} jobs: " + _times(turned))
        opened = await _open(pilot, job_id)
        narrate(f"{event_store.EVENTS:,} events: " + _times(opened))
        scrolled = await _scroll_hosts(pilot)
        narrate(f"{HOSTS:,} hosts: " + _times(scrolled))
    return [
        _figure(
            "first screen after the login, drawn with data", 1000.0, first, load, "longest of the rounds"
        ),
        _figure(f"a page of {JOBS:,} jobs turned, p95", 250.0, turned, load, "sorted and cut by the server"),
        _figure(f"a page of {HOSTS:,} hosts turned, p95", 100.0, scrolled, load, "all hosts are in memory"),
        _figure(
            f"a job of {event_store.EVENTS:,} events opened at its end, with its {HOSTS:,} hosts",
            1000.0,
            opened,
            load,
            "longest of the rounds; hosts may follow the log",
        ),
    ]


async def _first_screen(keelyard: server.Server) -> float:
    """Milliseconds from the answer of the login to the dashboard with what the server told for it."""
    async with terminal(keelyard.url, server.EMAIL, server.PASSWORD, "dashboard") as pilot:
        watch, app = Watch(pilot.app), pilot.app
        signed_in = asyncio.get_running_loop().create_future()
        follow = app._follow  # type: ignore[attr-defined]

        def followed() -> Any:
            signed_in.set_result(time.perf_counter())
            return follow()

        app._follow = followed  # type: ignore[attr-defined]
        await watch.until(lambda: _has_data(app.screen))
        return (time.perf_counter() - await signed_in) * 1000


def _has_data(screen: object) -> bool:
    return isinstance(screen, DashboardScreen) and screen._loaded_once and not screen._trouble


async def _turn_pages(pilot: Pilot[None]) -> list[float]:
    await shown(pilot, RowTable, lambda table: table.row_count > 0)
    screen, watch = pilot.app.screen, Watch(pilot.app)
    assert isinstance(screen, JobsScreen)
    table = screen.query_one(RowTable)
    times = []
    for _ in range(TURNS):
        was = next(iter(table._shown))
        times.append(
            await watch.key("right_square_bracket", lambda was=was: next(iter(table._shown), was) != was)
        )
    return times


async def _open(pilot: Pilot[None], job_id: str) -> list[float]:
    """Each time from the list; the last time it stays open."""
    watch, app = Watch(pilot.app), pilot.app
    times = []
    for _ in range(ROUNDS):
        while isinstance(app.screen, JobScreen):
            await app.pop_screen()
        app.post_message(messages.Open("jobs", job_id))
        times.append(await watch.until(lambda: _at_end(app.screen)))
    return times


def _at_end(screen: object) -> bool:
    if not isinstance(screen, JobScreen) or not screen.is_mounted:
        return False
    log = screen.query_one("#event-log", EventLog)
    return log.following and log.window.last_sequence >= event_store.EVENTS - 1


async def _scroll_hosts(pilot: Pilot[None]) -> list[float]:
    await shown(pilot, HostGrid, lambda grid: grid.row_count == HOSTS)
    watch, grid = Watch(pilot.app), pilot.app.screen.query_one(HostGrid)
    grid.focus()
    await shown(pilot, HostGrid, lambda grid: grid.has_focus)
    times = []
    for _ in range(TURNS):
        at = grid.cursor
        times.append(await watch.key("pagedown", lambda was=at: grid.cursor != was))
    return times


def _times(times: list[float]) -> str:
    return f"median {quantile(times, 0.5):.0f} ms, longest {max(times):.0f} ms"


def _figure(name: str, aim: float, times: list[float], load: float, note: str) -> Figure:
    value = quantile(times, 0.95)
    return Figure(
        name=name, unit="ms", aim=aim, measured=[value], load=load, notes=[f"{_times(times)}; {note}"]
    )
