"""Rows of accounts."""

from __future__ import annotations

import uuid
from typing import Any

from engine.store import database, records, rows


async def add(account: records.Account) -> None:
    """Write a new account; asyncpg.UniqueViolationError when the e-mail address is taken."""
    await rows.insert("account", account)


async def get(account_id: uuid.UUID) -> records.Account | None:
    """The account with this id."""
    return await rows.one(records.Account, "SELECT * FROM account WHERE id = $1", account_id)


async def by_email(email: str) -> records.Account | None:
    """The account with this e-mail address, whatever its case."""
    return await rows.one(records.Account, "SELECT * FROM account WHERE email = lower($1)", email)


async def update(account_id: uuid.UUID, **values: Any) -> None:
    """Set columns; `updated_at` follows."""
    await rows.update("account", account_id, **values, updated_at=records.now())


async def count() -> int:
    """How many accounts there are."""
    row = await database.fetch_one("SELECT count(*) AS n FROM account")
    assert row is not None
    return int(row["n"])


async def delete(account_id: uuid.UUID) -> None:
    """Forget an account and its sessions."""
    await database.fetch("DELETE FROM account WHERE id = $1", account_id)
