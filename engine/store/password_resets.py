"""Rows of password resets."""

from __future__ import annotations

import uuid
from datetime import datetime

import msgspec
from msgspec import field

from engine.store import database, records, rows

KEPT_DAYS = 1  # after they were made; they work for less


class PasswordReset(msgspec.Struct, frozen=True, kw_only=True):
    """One token, as a hash."""

    account_id: uuid.UUID
    email: str  # of the account when it was made
    token_hash: str
    expires_at: datetime
    used_at: datetime | None = None
    id: uuid.UUID = field(default_factory=uuid.uuid4)
    created_at: datetime = field(default_factory=records.now)

    def __repr__(self) -> str:
        return f"PasswordReset({self.email!r}, ...)"

    __str__ = __repr__


async def add(reset: PasswordReset) -> None:
    """Write a token, and forget those that are long over."""
    await database.fetch(f"DELETE FROM password_reset WHERE created_at < now() - interval '{KEPT_DAYS} days'")
    await rows.insert("password_reset", reset)


async def made_since(account_id: uuid.UUID, since: datetime) -> int:
    """How many tokens an account got."""
    sql = "SELECT count(*) AS n FROM password_reset WHERE account_id = $1 AND created_at > $2"
    row = await database.fetch_one(sql, account_id, since)
    assert row is not None
    return int(row["n"])


async def usable(token_hash: str) -> PasswordReset | None:
    """The unused, unexpired token with this hash."""
    sql = "SELECT * FROM password_reset WHERE token_hash = $1 AND used_at IS NULL AND expires_at > now()"
    return await rows.one(PasswordReset, sql, token_hash)


async def end_all(account_id: uuid.UUID) -> None:
    """No token of an account works any more."""
    await database.fetch(
        "UPDATE password_reset SET used_at = now() WHERE account_id = $1 AND used_at IS NULL", account_id
    )
