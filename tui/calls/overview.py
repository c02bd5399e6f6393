"""Everything at a glance."""

from __future__ import annotations

from tui import wire
from tui.session import Session


class OverviewCalls(Session):
    """Everything at a glance."""

    async def overview(self) -> wire.Overview:
        """What wants somebody, what runs, and how much of everything there is."""
        return await self._get("/api/v1/overview", wire.Overview)
