"""Accounts as lists."""

from __future__ import annotations

import uuid

from engine.domain.statuses import Role
from engine.store import database, records, rows


async def page(
    *, search: str | None, role: Role | None, enabled: bool | None, offset: int, limit: int
) -> tuple[list[records.Account], int]:
    """Accounts by e-mail address, and how many there are; `search` is part of the address or the name."""
    chosen = rows.Filter()
    needle = None if search is None else search.replace("\0", "").lower()
    chosen.add("position({} in lower(email || ' ' || full_name)) > 0", needle)
    chosen.add("{} = ANY(roles)", None if role is None else role.value)
    chosen.add("enabled = {}", enabled)
    return await rows.page(records.Account, "account", chosen, order="email", offset=offset, limit=limit)


async def enabled_admins() -> frozenset[uuid.UUID]:
    """Enabled accounts with the highest role."""
    found = await database.fetch("SELECT id FROM account WHERE enabled AND $1 = ANY(roles)", Role.ADMIN.value)
    return frozenset(row["id"] for row in found)
