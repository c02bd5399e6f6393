"""Rows of the audit log: written and read, never changed."""

from __future__ import annotations

import uuid
from datetime import datetime

from engine.store import records, rows


async def add(entry: records.AuditEntry) -> None:
    """Append an entry, in the transaction of what it tells."""
    await rows.insert("audit_entry", entry)


async def page(
    *,
    actor: str | None = None,
    action: str | None = None,
    resource_type: str | None = None,
    resource_id: str | None = None,
    status: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    tenant_id: uuid.UUID = records.DEFAULT_TENANT,
    offset: int = 0,
    limit: int = 20,
) -> tuple[list[records.AuditEntry], int]:
    """Entries, newest first, and how many in all."""
    chosen = rows.Filter()
    chosen.add("tenant_id = {}", tenant_id)
    chosen.add("actor = {}", actor)
    chosen.add("action = {}", action)
    chosen.add("resource_type = {}", resource_type)
    chosen.add("resource_id = {}", resource_id)
    chosen.add("status = {}", status)
    chosen.add('"timestamp" >= {}', since)
    chosen.add('"timestamp" < {}', until)
    return await rows.page(
        records.AuditEntry,
        "audit_entry",
        chosen,
        order='"timestamp" DESC, id DESC',
        offset=offset,
        limit=limit,
    )
