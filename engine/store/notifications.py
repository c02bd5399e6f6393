"""One LISTEN connection per process, many subscribers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

import asyncpg
import structlog

from engine.store import database

_LOG = structlog.get_logger(__name__)
_RECONNECT_SECONDS = 1.0
_ALIVE_SECONDS = 20.0
_QUEUE_SIZE = 10_000

#: Put into every subscription after the connection was lost and is back: something may have been missed.
RECONNECTED = ""


class Hub:
    """Listens on channels and hands payloads to subscribers; reconnects by itself.

    After a reconnect every subscriber gets `RECONNECTED`: what the gap held is lost; read the tables again.
    A subscriber that does not keep up loses payloads; they are hints, the tables are the truth.
    """

    def __init__(self, url: str, channels: Sequence[str]) -> None:
        self._url = url
        self._channels = tuple(channels)
        self._subscribers: dict[str, set[asyncio.Queue[str]]] = {channel: set() for channel in channels}
        self._task: asyncio.Task[None] | None = None
        self._listening = asyncio.Event()

    async def start(self) -> None:
        """Start listening; returns when the channels are open."""
        self._task = asyncio.create_task(self._run(), name="notifications")
        listening = asyncio.create_task(self._listening.wait())
        await asyncio.wait({listening, self._task}, return_when=asyncio.FIRST_COMPLETED)
        listening.cancel()
        if self._task.done():
            await self._task

    async def stop(self) -> None:
        """Stop listening and close the connection."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    @contextlib.asynccontextmanager
    async def subscribe(self, channel: str) -> AsyncIterator[asyncio.Queue[str]]:
        """A queue of the channel's payloads for as long as the block lasts."""
        queue: asyncio.Queue[str] = asyncio.Queue(_QUEUE_SIZE)
        self._subscribers[channel].add(queue)
        try:
            yield queue
        finally:
            self._subscribers[channel].discard(queue)

    async def _run(self) -> None:
        first = True
        while True:
            try:
                await self._listen(announce=not first)
            except (*database.CONNECTION_ERRORS, asyncpg.PostgresError) as error:
                _LOG.warning("The notification connection was lost; trying again.", error=str(error))
            first = False
            await asyncio.sleep(_RECONNECT_SECONDS)

    async def _listen(self, *, announce: bool) -> None:
        connection = await asyncpg.connect(**database.connection_arguments(self._url))
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _: lost.set())
        try:
            for channel in self._channels:
                await connection.add_listener(channel, self._deliver)
            self._listening.set()
            if announce:
                for channel in self._channels:
                    self._deliver(None, 0, channel, RECONNECTED)
            while not lost.is_set():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(lost.wait(), _ALIVE_SECONDS)
                    break
                await connection.execute("SELECT 1", timeout=_ALIVE_SECONDS)
        finally:
            connection.terminate()

    def _deliver(self, _connection: Any, _pid: int, channel: str, payload: Any) -> None:
        for queue in self._subscribers[channel]:
            with contextlib.suppress(asyncio.QueueFull):
                queue.put_nowait(str(payload))
