"""Advisory locks that end with their transaction."""

from __future__ import annotations

from engine.store import database


async def try_until_commit(name: str) -> bool:
    """Take a lock of this name until the transaction ends; False when somebody else has it."""
    row = await database.fetch_one("SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0)) AS taken", name)
    return bool(row and row["taken"])


async def until_commit(name: str) -> None:
    """Wait for a lock of this name and hold it until the transaction ends."""
    await database.fetch("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", name)
