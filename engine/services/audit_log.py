"""The audit log: who did what to what, from where, with what outcome; in the transaction of the deed."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import msgspec

from engine.domain import permissions
from engine.domain.permissions import Permission, Principal
from engine.services import audit_export, tenancy
from engine.services.audit_export import Format
from engine.services.identity import Caller
from engine.store import audit_entries, records

SUCCESS = "success"
REFUSED = "refused"  # the caller's fault: 4xx
FAILED = "failed"  # ours: 5xx

MAXIMUM_DETAIL = 2000


class Resource(msgspec.Struct, frozen=True):
    """What something was done to; the name is kept because the thing may be gone later."""

    type: str
    id: str = ""
    name: str = ""
    tenant_id: uuid.UUID | None = None  # whose it is; None: of the caller's own tenant


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """Which entries to list; None means any."""

    actor: str | None = None
    action: str | None = None
    resource: str | None = None  # "cluster", or "cluster/ID"
    status: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def asked(self) -> dict[str, Any]:
        """Only what is set."""
        return {name: value for name, value in msgspec.structs.asdict(self).items() if value is not None}


async def record(
    caller: Caller,
    action: str,
    resource: Resource,
    *,
    status: str = SUCCESS,
    actor: str = "",
    details: dict[str, Any] | None = None,
) -> None:
    """Append an entry. `actor` names who it claimed to be when there is no principal."""
    principal = caller.principal
    await audit_entries.add(
        records.AuditEntry(
            actor=(principal.email if principal else actor)[:320].replace("\0", ""),
            actor_id=uuid.UUID(principal.account_id) if principal else None,
            action=action,
            resource_type=resource.type,
            resource_id=resource.id[:100].replace("\0", ""),
            resource_name=resource.name[:100].replace("\0", ""),
            status=status,
            address=caller.address,
            correlation_id=caller.correlation_id,
            details=details or {},
            tenant_id=resource.tenant_id or await tenancy.audited_tenant(principal),
        )
    )


async def record_refusal(
    caller: Caller, action: str, resource: Resource, *, status_code: int, reason: str, actor: str = ""
) -> None:
    """Append an entry for a request that was not carried out; the reason never repeats what was sent."""
    await record(
        caller,
        action,
        resource,
        status=FAILED if status_code >= 500 else REFUSED,
        actor=actor,
        details={"status_code": status_code, "reason": reason[:MAXIMUM_DETAIL].replace("\0", "")},
    )


async def page(
    principal: Principal, filters: Filters, *, page: int, page_size: int
) -> tuple[list[records.AuditEntry], int]:
    """Entries, newest first, and how many there are; raises Forbidden for viewers."""
    permissions.require(principal, Permission.AUDIT_READ)
    return await audit_entries.page(_chosen(filters), offset=(page - 1) * page_size, limit=page_size)


def _chosen(filters: Filters) -> audit_entries.Chosen:
    kind, _, resource_id = (filters.resource or "").partition("/")
    return audit_entries.Chosen(
        actor=filters.actor,
        action=filters.action,
        resource_type=kind or None,
        resource_id=resource_id or None,
        status=filters.status,
        since=filters.since,
        until=filters.until,
    )


async def export(filters: Filters, form: Format) -> AsyncIterator[bytes]:
    """Entries in the order of the chain, with their links, as pieces of a file.

    What is written while it runs is not in it. Who asks was checked by the caller.
    """
    last = await audit_entries.link()
    if form is Format.CSV:
        yield audit_export.csv_header()
    if last is not None:
        async for batch in audit_entries.linked(_chosen(filters), up_to=last.sequence):
            yield audit_export.ENCODERS[form](batch)
