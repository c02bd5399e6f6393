"""Everything that one process tells as it happens, over one LISTEN connection."""

from __future__ import annotations

from engine.services.dashboard import Board
from engine.services.following import Follower
from engine.store import dashboard, events
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
