"""Everything that one process tells as it happens, over one LISTEN connection."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

from engine.services.dashboard import Board, News
from engine.services.following import Closing, Follower, Quiet, Told, Welcome
from engine.store import dashboard, events
from engine.store.event_pages import Filters
from engine.store.notifications import Hub


class Live:
    """The streams of a server."""

    def __init__(self, database_url: str) -> None:
        self._hub = Hub(database_url, [events.CHANNEL, dashboard.CHANNEL])
        self.follower = Follower(self._hub)
        self.board = Board(self._hub)

    async def start(self) -> None:
        """Open the LISTEN connection."""
        await self._hub.start()
        await self.follower.start()
        await self.board.start()

    async def stop(self) -> None:
        """End every stream and close the connection; asking twice changes nothing."""
        await self.follower.stop()
        await self.board.stop()
        await self._hub.stop()

    async def everything(
        self, positions: Mapping[uuid.UUID, int], welcome: Welcome | None = None
    ) -> AsyncGenerator[News | tuple[uuid.UUID, Told]]:
        """All news, and the events of some jobs with a sequence above each one's position, in one stream.

        It goes on when those jobs have ended. What concerns the stream itself comes with the news.
        """
        news: AsyncGenerator[Any] = self.board.watch(welcome)
        told: AsyncGenerator[Any] = self.follower.follow_many(positions, Filters())
        async with aclosing(_merged(news, told)) as merged:
            async for item in merged:
                if not (isinstance(item, tuple) and isinstance(item[1], Quiet | Closing)):
                    yield item


async def _merged(leader: AsyncGenerator[Any], other: AsyncGenerator[Any]) -> AsyncGenerator[Any]:
    """What both tell, as it comes, until the leader ends; neither waits for the other."""
    async with aclosing(leader), aclosing(other):
        waiting = {asyncio.create_task(_next(source)): source for source in (leader, other)}
        try:
            while True:
                done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    source, item = waiting.pop(task), task.result()
                    if item is not None:
                        yield item
                        waiting[asyncio.create_task(_next(source))] = source
                    elif source is leader:
                        return
        finally:  # before they are closed: a generator that runs cannot be
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)


async def _next(source: AsyncGenerator[Any]) -> Any:
    return await anext(source, None)
