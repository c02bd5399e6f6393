"""Rows of sessions of an outside system that were ended here."""

from __future__ import annotations

from datetime import datetime

from engine.store import database


async def add(session_id: str, until: datetime) -> None:
    """Deny a session until then, or longer when it is already; what is over is forgotten."""
    await database.fetch("DELETE FROM denied_session WHERE until < now()")
    await database.fetch(
        """
        INSERT INTO denied_session (session_id, until) VALUES ($1, $2)
        ON CONFLICT (session_id) DO UPDATE SET until = greatest(denied_session.until, excluded.until)""",
        session_id,
        until,
    )


async def has(session_id: str) -> bool:
    """Whether a session is denied now."""
    sql = "SELECT 1 AS denied FROM denied_session WHERE session_id = $1 AND until > now()"
    return await database.fetch_one(sql, session_id) is not None
