"""The audit log."""

from __future__ import annotations

from datetime import datetime

from litestar import Response, Router, get
from litestar.params import FromQuery

from api import guards, replies
from api.replies import PageNumber, PageSize
from api.schemas.audit_logs import AuditEntry
from api.schemas.common import Page
from engine.domain.permissions import Permission
from engine.services import audit_log


@get("/", summary="List audit logs", guards=[guards.requires(Permission.AUDIT_READ), guards.known_query])
async def list_entries(
    request: guards.AnyRequest,
    page: PageNumber = 1,
    page_size: PageSize = 20,
    actor: FromQuery[str | None] = None,
    action: FromQuery[str | None] = None,
    resource: FromQuery[str | None] = None,
    status: FromQuery[str | None] = None,
    since: FromQuery[datetime | None] = None,
    until: FromQuery[datetime | None] = None,
) -> Response[Page[AuditEntry]]:
    """Newest first. `resource` is a type, or a type and an id: `cluster/ID`."""
    filters = audit_log.Filters(
        actor=actor, action=action, resource=resource, status=status, since=since, until=until
    )
    found, total = await audit_log.page(guards.principal(request), filters, page=page, page_size=page_size)
    data = [
        AuditEntry(
            id=str(entry.id),
            timestamp=entry.timestamp,
            actor=entry.actor,
            action=entry.action,
            resource_type=entry.resource_type,
            resource_id=entry.resource_id or None,
            resource_name=entry.resource_name or None,
            status=entry.status,
            address=entry.address,
            correlation_id=entry.correlation_id,
            details=entry.details,
        )
        for entry in found
    ]
    return replies.page(data, total, page, page_size)


router = Router("/api/v1/audit-logs", route_handlers=[list_entries], tags=["Audit log"])
