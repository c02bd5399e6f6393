"""The terminal under a flood of events: how soon it answers a key, and what following costs in memory.

KEELYARD_BENCH_MINUTES says how long it follows a flood for the memory figure; two minutes without.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
from textual import events
from textual.app import App
from textual.pilot import Pilot

from tests.bench import figures, flood, server
from tests.bench.figures import BenchNotPossible, Figure, Narrate, quantile
from tests.standins.provisioner_bodies import EMAIL
from tui.app import Terminal
from tui.client import Client
from tui.screens.login import LoginScreen
from tui.widgets.event_log import EventLog
from tui.widgets.host_grid import HostGrid

SIZE = (160, 50)
KEYS = 40
PATIENCE_SECONDS = 120.0
LOGIN_SECONDS = 15.0
MINUTES = float(os.environ.get("KEELYARD_BENCH_MINUTES", "2"))


def measure(narrate: Narrate) -> list[Figure]:
    """The real application without a terminal around it; the flood is a process of its own."""
    return asyncio.run(_under_a_flood(narrate))


# --- watching the terminal ---


class Watch:
    """Sends keys to an application and takes the time until the screen shows what they do."""

    def __init__(self, app: App[Any]) -> None:
        self._app = app
        self._met: Callable[[], bool] = lambda: False
        self._shown: asyncio.Future[float] | None = None
        display = app._display

        def displayed(*arguments: Any) -> None:
            display(*arguments)
            if self._shown is not None and not self._shown.done() and self._met():
                self._shown.set_result(time.perf_counter())

        app._display = displayed  # type: ignore[method-assign]

    async def until(self, met: Callable[[], bool]) -> float:
        """Milliseconds from now until it is met and drawn."""
        began = time.perf_counter()
        self._met, self._shown = met, asyncio.get_running_loop().create_future()
        async with asyncio.timeout(PATIENCE_SECONDS):
            return (await self._shown - began) * 1000

    async def key(self, key: str, met: Callable[[], bool]) -> float:
        """Milliseconds from a key to the screen that answers it."""
        assert self._app._driver is not None
        character = key if len(key) == 1 else None
        self._app._driver.send_message(events.Key(key, character))
        return await self.until(met)


@contextlib.asynccontextmanager
async def _terminal(url: str, email: str, password: str, start: str) -> AsyncIterator[Pilot[None]]:
    app = Terminal(Client(url), email=email, password=password, start=start)
    async with app.run_test(size=SIZE) as pilot:
        yield pilot


async def _shown[W](pilot: Pilot[None], widget: type[W], ready: Callable[[W], bool]) -> float:
    """Milliseconds until a widget is on the screen on top and has what it should have."""
    began = time.perf_counter()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            found = pilot.app.screen.query(widget)  # type: ignore[type-var]
            if found and ready(found.first()):  # type: ignore[arg-type]
                return (time.perf_counter() - began) * 1000
            if time.perf_counter() > began + LOGIN_SECONDS and isinstance(pilot.app.screen, LoginScreen):
                raise BenchNotPossible("The terminal could not sign in; the machine is too busy to measure.")
            await asyncio.sleep(0.005)


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
            narrate(f"{rate:,} events/s: p50 {quantile(ours, 0.5):.0f} ms, p95 {quantile(ours, 0.95):.0f} ms")
            found.append(_keys(f"key answered at {rate:,} events/s", aim, ours, load))
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
    async with _terminal(url, EMAIL, flood.PASSWORD, f"jobs/{flood.JOB}") as pilot:
        await _shown(pilot, HostGrid, lambda grid: grid.row_count == flood.HOSTS)
        await _at(url, rate)
        await _shown(pilot, EventLog, lambda log: log.kept > rate)
        watch, grid = Watch(pilot.app), pilot.app.screen.query_one(HostGrid)
        grid.focus()
        times = []
        for _ in range(KEYS):
            await asyncio.sleep(0.13)  # not in step with the drain
            at = grid.cursor
            times.append(await watch.key("down", lambda was=at: grid.cursor != was))
        told = await _at(url, 0)
        await _shown(pilot, EventLog, lambda log: log.window.last_sequence == told)  # nothing was lost
    return times


async def _memory(url: str, narrate: Narrate) -> Figure:
    """What following adds once the window is full; the rate is that of the aim for keys."""
    load = figures.load()
    async with _terminal(url, EMAIL, flood.PASSWORD, f"jobs/{flood.JOB}") as pilot:
        await _shown(pilot, HostGrid, lambda grid: grid.row_count == flood.HOSTS)
        began = await _at(url, 1_000)
        await _shown(pilot, EventLog, lambda log: log.kept >= 20_000)
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
        notes=[f"{seen:,} events; {min(sizes):.0f} to {max(sizes):.0f} MiB in {MINUTES:g} minutes"],
    )


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
        notes=[f"p50 {quantile(times, 0.5):.0f} ms, longest {max(times):.0f} ms of {len(times)}"],
    )
