"""Rows of sessions (refresh tokens)."""

from __future__ import annotations

import uuid

from engine.store import database, records, rows


async def add(session: records.Session) -> None:
    """Write a new session."""
    await rows.insert("session", session)


async def get(session_id: uuid.UUID) -> records.Session | None:
    """The session with this id."""
    return await rows.one(records.Session, "SELECT * FROM session WHERE id = $1", session_id)


async def by_refresh_hash(refresh_hash: str, *, lock: bool = False) -> records.Session | None:
    """The session of a refresh token; locked until the transaction ends if asked."""
    sql = "SELECT * FROM session WHERE refresh_hash = $1" + (" FOR UPDATE" if lock else "")
    return await rows.one(records.Session, sql, refresh_hash)


async def revoke(session_id: uuid.UUID) -> None:
    """End one session."""
    await database.fetch(
        "UPDATE session SET revoked_at = now() WHERE id = $1 AND revoked_at IS NULL", session_id
    )


async def revoke_family(family: uuid.UUID) -> None:
    """End every session that descends from one login."""
    await database.fetch(
        "UPDATE session SET revoked_at = now() WHERE family = $1 AND revoked_at IS NULL", family
    )


async def revoke_account(account_id: uuid.UUID) -> None:
    """End every session of an account."""
    await database.fetch(
        "UPDATE session SET revoked_at = now() WHERE account_id = $1 AND revoked_at IS NULL", account_id
    )


async def delete_expired() -> None:
    """Forget sessions that ended more than a week ago."""
    await database.fetch("DELETE FROM session WHERE expires_at < now() - interval '7 days'")
