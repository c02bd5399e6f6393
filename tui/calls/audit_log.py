"""The audit log."""

from __future__ import annotations

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
