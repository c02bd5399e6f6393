"""Rows of the audit log and of the chain over them: written and read, never changed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import msgspec

from engine.store import database, records, rows

#: Columns of an entry as text, the way the hash is taken over them (see the migration of the chain).
_PLAIN = """
    entry.id::text AS id, entry.tenant_id::text AS tenant_id, entry."timestamp", entry.actor,
    entry.actor_id::text AS actor_id, entry.action, entry.resource_type, entry.resource_id,
    entry.resource_name, entry.status, entry.address, entry.correlation_id, entry.details::text AS details
"""


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """Which entries; None means any."""

    actor: str | None = None
    action: str | None = None
    resource_type: str | None = None
    resource_id: str | None = None
    status: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class LinkedEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An entry with its place in the chain; `details` is JSON as PostgreSQL prints it."""

    sequence: int
    previous_hash: bytes
    hash: bytes
    id: str | None  # None when the entry of a link is gone
    tenant_id: str | None
    timestamp: datetime | None
    actor: str | None
    actor_id: str | None
    action: str | None
    resource_type: str | None
    resource_id: str | None
    resource_name: str | None
    status: str | None
    address: str | None
    correlation_id: str | None
    details: str | None


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """One link of the chain, with the time of its entry."""

    sequence: int
    hash: bytes
    timestamp: datetime | None


async def add(entry: records.AuditEntry) -> None:
    """Append an entry, in the transaction of what it tells; its link is made when that commits."""
    await rows.insert("audit_entry", entry)


async def page(
    chosen: Chosen | None = None, *, offset: int = 0, limit: int = 20
) -> tuple[list[records.AuditEntry], int]:
    """Entries, newest first, and how many in all."""
    return await rows.page(
        records.AuditEntry,
        "audit_entry",
        _filter(chosen or Chosen()),
        order='"timestamp" DESC, id DESC',
        offset=offset,
        limit=limit,
    )


async def linked(
    chosen: Chosen | None = None, *, up_to: int, batch: int = 1000
) -> AsyncIterator[list[LinkedEntry]]:
    """Entries in the order of the chain, a batch at a time, up to a sequence.

    Without `chosen` every link comes, also one whose entry is gone.
    """
    filtered = _filter(chosen, "entry.") if chosen is not None else rows.Filter()
    join = "JOIN" if chosen is not None else "LEFT JOIN"
    filtered.add("link.sequence <= {}", up_to)
    place = len(filtered.values) + 1
    sql = (
        f"SELECT link.sequence, link.previous_hash, link.hash, {_PLAIN} FROM audit_link link"
        f" {join} audit_entry entry ON entry.id = link.entry_id{filtered.where}"
        f" AND link.sequence > ${place} ORDER BY link.sequence LIMIT ${place + 1}"
    )
    after = 0
    while found := [
        msgspec.convert(row, LinkedEntry) for row in await database.fetch(sql, *filtered.values, after, batch)
    ]:
        yield found
        after = found[-1].sequence


async def link(sequence: int | None = None) -> Link | None:
    """The last link of the chain, or the one with a sequence."""
    where, values = ("", ()) if sequence is None else ("WHERE link.sequence = $1", (sequence,))
    return await rows.one(
        Link,
        f'SELECT link.sequence, link.hash, entry."timestamp" FROM audit_link link'
        f" LEFT JOIN audit_entry entry ON entry.id = link.entry_id {where}"
        " ORDER BY link.sequence DESC LIMIT 1",
        *values,
    )


async def unlinked(limit: int) -> list[dict[str, Any]]:
    """Entries that no link names: they did not come in through the trigger."""
    return await database.fetch(
        'SELECT id, "timestamp" FROM audit_entry WHERE NOT EXISTS'
        ' (SELECT 1 FROM audit_link WHERE entry_id = audit_entry.id) ORDER BY "timestamp" LIMIT $1',
        limit,
    )


def _filter(chosen: Chosen, prefix: str = "") -> rows.Filter:
    found = rows.Filter()
    for name in ("actor", "action", "resource_type", "resource_id", "status"):
        value = getattr(chosen, name)
        found.add(f"{prefix}{name} = {{}}", rows.storable(value) if isinstance(value, str) else value)
    found.add(f'{prefix}"timestamp" >= {{}}', chosen.since)
    found.add(f'{prefix}"timestamp" < {{}}', chosen.until)
    return found
