"""When users of an outside system were last changed from here; it does not tell itself."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime

from engine.store import database


async def touch(user_id: uuid.UUID) -> None:
    """A user was changed now."""
    await database.fetch(
        """
        INSERT INTO user_change (user_id, changed_at) VALUES ($1, now())
        ON CONFLICT (user_id) DO UPDATE SET changed_at = now()""",
        user_id,
    )


async def times(user_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, datetime]:
    """The last change of each user that had one."""
    if not user_ids:
        return {}
    found = await database.fetch("SELECT * FROM user_change WHERE user_id = ANY($1)", list(user_ids))
    return {row["user_id"]: row["changed_at"] for row in found}


async def forget(user_id: uuid.UUID) -> None:
    """A user is gone."""
    await database.fetch("DELETE FROM user_change WHERE user_id = $1", user_id)
