"""The audit log."""

from __future__ import annotations

from collections.abc import AsyncIterator

from tui import wire
from tui.calls import PAGE_SIZE
from tui.session import Session


class AuditLogCalls(Session):
    """The audit log."""

    async def audit_log(self, page: int = 1, **where: str) -> wire.Page[wire.AuditEntry]:
        """One page of entries, newest first, by `actor`, `action`, `resource`, `status`, `since`, `until`."""
        return await self._get(
            "/api/v1/audit-logs", wire.Page[wire.AuditEntry], page=page, page_size=PAGE_SIZE, **where
        )

    async def audit_head(self) -> wire.AuditHead:
        """The end of the log's chain."""
        return await self._get("/api/v1/audit-logs/head", wire.AuditHead)

    async def audit_file(self, form: str, **where: str) -> AsyncIterator[bytes]:
        """Every entry that fits as `csv` or `jsonl`, oldest first, piece by piece. Raises ApiError."""
        request = self._http.build_request("GET", "/api/v1/audit-logs", params={"format": form, **where})
        async with self._stream(request) as response:
            async for piece in response.aiter_bytes():
                yield piece
