"""Bodies of the audit log routes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from api.schemas.common import Reply


class AuditEntry(Reply):
    """Who did what to what, when, from where, with what result."""

    id: str
    timestamp: datetime
    actor: str
    action: str
    resource_type: str
    resource_id: str | None
    resource_name: str | None
    status: str
    address: str
    correlation_id: str
    details: dict[str, Any]


class AuditHead(Reply):
    """The end of the chain over the audit log."""

    sequence: int
    hash: str
    timestamp: datetime | None
