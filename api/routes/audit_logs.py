"""The audit log: pages of it, all of it as a file, and the end of its chain."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from litestar import Response, Router, get
from litestar.params import FromQuery, QueryParameter
from litestar.response import Stream

from api import guards, replies
from api.replies import PageNumber, PageSize
from api.schemas.audit_logs import AuditEntry, AuditHead
from api.schemas.common import Page
from engine.domain.permissions import Permission
from engine.services import audit_chain, audit_export, audit_log
from engine.services.audit_export import Format

Wanted = Annotated[
    Format | None, QueryParameter(name="format", description="Answer with a file instead of a page")
]


@get(
    "/",
    summary="List audit logs",
    guards=[guards.requires(Permission.AUDIT_READ), guards.known_query],
    opt={"also": tuple(audit_export.MEDIA_TYPES.values())},
)
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
    wanted: Wanted = None,
) -> Response[Page[AuditEntry]] | Stream:
    """Newest first. `resource` is a type, or a type and an id: `cluster/ID`.

    With `format=csv` or `jsonl`, or `Accept: text/csv` or `application/jsonl`, every entry that fits comes
    as a file, oldest first, with its link in the chain.
    """
    filters = audit_log.Filters(
        actor=actor, action=action, resource=resource, status=status, since=since, until=until
    )
    wanted = wanted or _accepted(request.headers.get("accept", ""))
    if wanted is not None:
        return await _file(request, filters, wanted)
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


@get("/head", summary="Head of the audit log", guards=[guards.requires(Permission.AUDIT_READ)])
async def head() -> AuditHead:
    """The end of the chain: kept elsewhere, it lets `keelyard audit verify --head` find later changes."""
    found = await audit_chain.head()
    return AuditHead(sequence=found.sequence, hash=found.hash, timestamp=found.timestamp)


def _accepted(header: str) -> Format | None:
    types = [part.partition(";")[0].strip().lower() for part in header.split(",")]
    return next((form for form, media in audit_export.MEDIA_TYPES.items() if media in types), None)


async def _file(request: guards.AnyRequest, filters: audit_log.Filters, form: Format) -> Stream:
    """Telling the log about its export comes first, so that the export ends with that."""
    asked = {"format": form.value, **{name: str(value) for name, value in filters.asked().items()}}
    await audit_log.record(
        guards.caller(request), "audit:export", audit_log.Resource("audit_log"), details=asked
    )
    return Stream(
        audit_log.export(filters, form),
        media_type=audit_export.MEDIA_TYPES[form],
        headers={"Content-Disposition": f'attachment; filename="audit-log.{form.value}"'},
    )


router = Router("/api/v1/audit-logs", route_handlers=[list_entries, head], tags=["Audit log"])
