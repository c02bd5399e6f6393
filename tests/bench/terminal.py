"""The terminal: keys and memory under a flood of events, the first screen, large lists and logs.

KEELYARD_BENCH_MINUTES says how long it follows a flood for the memory figure; one minute without.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx

from tests.bench import figures, flood, server, terminal_at_volume
from tests.bench.figures import BenchNotPossible, Figure, Narrate, quantile
from tests.bench.terminal_watch import SIZE, Watch, shown, terminal
from tests.bench.textual_log import PlainLog
from tests.standins.provisioner_bodies import EMAIL
from tui.client import Client
from tui.widgets.event_log import EventLog
from tui.widgets.host_grid import HostGrid

KEYS = 40
BASELINE_SECONDS = 30.0
MINUTES = float(os.environ.get("KEELYARD_BENCH_MINUTES", "1"))


def measure(narrate: Narrate) -> list[Figure]:
    """The real application without a terminal around it; the flood is a process of its own."""
    return [*asyncio.run(_under_a_flood(narrate)), *terminal_at_volume.measure(narrate)]


# --- under a flood ---


@contextlib.contextmanager
def _flooding() -> Iterator[str]:
    port = server.free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.flood", str(port)],
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.stop(process)


async def _under_a_flood(narrate: Narrate) -> list[Figure]:
    with _flooding() as url:
        await _answering(url)
        found = []
        for rate, aim in ((1_000, 100.0), (5_000, 50.0)):
            load = figures.load()
            ours = await _keys_in_the_job(url, rate)
            narrate(f"{rate:,} events/s: {_told(ours)}")
            found.append(_keys(f"key answered at {rate:,} events/s", aim, ours, load))
        load = figures.load()
        theirs = await _keys_in_a_plain_log(url, 1_000)
        narrate(f"Textual's Log at 1,000 events/s: {_told(theirs)}")
        found.append(_beside(found[0], theirs, load))
        found.append(await _memory(url, narrate))
    return found


async def _answering(url: str) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        for _ in range(600):
            with contextlib.suppress(httpx.TransportError):
                await client.put(f"{url}/rate/0")
                return
            await asyncio.sleep(0.1)
    raise BenchNotPossible("The flood did not start.")


async def _at(url: str, rate: int) -> int:
    async with httpx.AsyncClient(trust_env=False) as client:
        sequence: int = (await client.put(f"{url}/rate/{rate}")).json()["sequence"]
        return sequence


async def _keys_in_the_job(url: str, rate: int) -> list[float]:
    async with terminal(url, EMAIL, flood.PASSWORD, f"jobs/{flood.JOB}") as pilot:
        await shown(pilot, HostGrid, lambda grid: grid.row_count == flood.HOSTS)
        await _at(url, rate)
        await shown(pilot, EventLog, lambda log: log.kept > rate)
        times = await _press_down(Watch(pilot.app), pilot.app.screen.query_one(HostGrid))
        told = await _at(url, 0)
        await shown(pilot, EventLog, lambda log: log.window.last_sequence == told)  # nothing was lost
    return times


async def _keys_in_a_plain_log(url: str, rate: int) -> list[float]:
    """As many as it answers in the time that it has; a key without an answer took what was left of it."""
    times: list[float] = []
    app = PlainLog(Client(url), flood.JOB, flood.HOSTS)
    await app.client.sign_in(EMAIL, flood.PASSWORD)
    async with app.run_test(size=SIZE) as pilot:
        await _at(url, rate)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(BASELINE_SECONDS):
                await shown(pilot, HostGrid, lambda _: app.lines > rate)
                await _press_down(Watch(app), app.query_one(HostGrid), times)
        await _at(url, 0)
    return times or [BASELINE_SECONDS * 1000]


async def _press_down(watch: Watch, grid: HostGrid, times: list[float] | None = None) -> list[float]:
    """Times of keys that move the cursor among the hosts; those so far are in `times` when it is cut."""
    times = [] if times is None else times
    grid.focus()
    for _ in range(KEYS):
        await asyncio.sleep(0.13)  # not in step with the drain
        at = grid.cursor
        times.append(await watch.key("down", lambda was=at: grid.cursor != was))
    return times


async def _memory(url: str, narrate: Narrate) -> Figure:
    """What following adds once the window is full; the rate is that of the aim for keys."""
    load = figures.load()
    async with terminal(url, EMAIL, flood.PASSWORD, f"jobs/{flood.JOB}") as pilot:
        await shown(pilot, HostGrid, lambda grid: grid.row_count == flood.HOSTS)
        began = await _at(url, 1_000)
        await shown(pilot, EventLog, lambda log: log.kept >= 20_000)
        sizes = [_resident()]
        for _ in range(max(2, int(MINUTES * 6))):
            await asyncio.sleep(10)
            sizes.append(_resident())
        seen = await _at(url, 0) - began
    narrate(f"memory: {sizes[0]:.0f} MiB full, {sizes[-1]:.0f} MiB after {MINUTES:g} minutes")
    return Figure(
        name="memory added by following at 1,000 events/s with a full window",
        unit="MiB",
        aim=10.0,
        measured=[sizes[-1] - sizes[0]],
        load=load,
        notes=[f"{seen:,} events in {MINUTES:g} minutes; MiB at each quarter: {_quarters(sizes)}"],
    )


def _quarters(sizes: list[float]) -> str:
    """Whether it grows all the time or levels off."""
    last = len(sizes) - 1
    return ", ".join(f"{sizes[last * quarter // 4]:.1f}" for quarter in range(5))


def _resident() -> float:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _keys(name: str, aim: float, times: list[float], load: float) -> Figure:
    return Figure(
        name=f"{name}, p95",
        unit="ms",
        aim=aim,
        measured=[quantile(times, 0.95)],
        load=load,
        notes=[f"{_told(times)}; the source is a process of its own that speaks the API's stream"],
    )


def _beside(ours: Figure, theirs: list[float], load: float) -> Figure:
    return Figure(
        name="key answered at 1,000 events/s, p95, against Textual's Log",
        unit="ms",
        aim=1.0,
        measured=ours.measured,
        baseline=[quantile(theirs, 0.95)],
        load=load,
        notes=[f"Log.write_line for each event, {BASELINE_SECONDS:g} s at most: {_told(theirs)}"],
    )


def _told(times: list[float]) -> str:
    p50, p95 = quantile(times, 0.5), quantile(times, 0.95)
    return f"p50 {p50:.0f} ms, p95 {p95:.0f} ms, longest {max(times):.0f} ms of {len(times)} keys"
