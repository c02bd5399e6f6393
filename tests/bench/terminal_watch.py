"""Watches a terminal from inside its process: how long from a key to the screen that answers it."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from textual import events
from textual.app import App
from textual.pilot import Pilot

from tests.bench.figures import BenchNotPossible
from tui.app import Terminal
from tui.client import Client
from tui.screens.login import LoginScreen

SIZE = (160, 50)
PATIENCE_SECONDS = 30.0  # nothing is waited for any longer
LOGIN_SECONDS = 15.0


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
async def terminal(url: str, email: str, password: str, start: str) -> AsyncIterator[Pilot[None]]:
    app = Terminal(Client(url), email=email, password=password, start=start)
    gc.freeze()  # as `keelyard tui` does
    async with app.run_test(size=SIZE) as pilot:
        yield pilot


async def shown[W](pilot: Pilot[None], widget: type[W], ready: Callable[[W], bool]) -> float:
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
