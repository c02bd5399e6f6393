"""All accounts, for the command line."""

from __future__ import annotations

from engine.store import records, rows


async def every() -> list[records.Account]:
    """All accounts by e-mail address."""
    return await rows.many(records.Account, "SELECT * FROM account ORDER BY email")
