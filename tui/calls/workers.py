"""Workers."""

from __future__ import annotations

import uuid
from urllib.parse import quote

from tui import wire
from tui.answers import decode
from tui.calls import PAGE_SIZE
from tui.session import Session


class WorkerCalls(Session):
    """Workers."""

    async def workers(self, page: int = 1) -> wire.Page[wire.Worker]:
        """One page of workers, by name."""
        return await self._get("/api/v1/workers", wire.Page[wire.Worker], page=page, page_size=PAGE_SIZE)

    async def worker(self, name: str) -> wire.Worker:
        """One worker."""
        return await self._get(f"/api/v1/workers/{quote(name, safe='')}", wire.Worker)

    async def remove_worker(self, name: str) -> None:
        """Forgets a worker that is gone. Raises ApiError for one that is not."""
        await self._call("DELETE", f"/api/v1/workers/{quote(name, safe='')}")

    async def set_drained(self, name: str, *, drained: bool) -> wire.Worker:
        """Drains a worker, or lets it take jobs again."""
        path = f"/api/v1/workers/{quote(name, safe='')}/{'drain' if drained else 'resume'}"
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        return decode(await self._call("POST", path, headers=headers), wire.Worker)
