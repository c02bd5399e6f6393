"""Moves every stored secret to the newest encryption key, a batch at a time, so that it may stop anywhere.

A row is either under the old key or under the new one, and both are in use until the old one is retired: what
was cut off half way is simply run again.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import msgspec

from engine.domain.errors import Conflict
from engine.services import audit_log
from engine.services.encryption import Cipher
from engine.services.identity import Caller
from engine.store import database, encrypted_columns

_RESOURCE = audit_log.Resource("encryption-key")


class Count(msgspec.Struct, kw_only=True):
    """How one column stands."""

    column: str
    current: int = 0  # were under the newest key already
    moved: int = 0


async def rotate(
    cipher: Cipher, caller: Caller, *, batch: int = 100, told: Callable[[Count], None] | None = None
) -> list[Count]:
    """Re-encrypt what is not under the newest key; raises MisconfiguredServer for what no key opens."""
    counts = []
    for column in encrypted_columns.COLUMNS:
        count = Count(column=f"{column.table}.{column.name}")
        after = None
        while True:
            async with database.transaction():
                rows = await encrypted_columns.batch(column, after=after, limit=batch)
                for row_id, token in rows:
                    if cipher.is_current(token):
                        count.current += 1
                        continue
                    await encrypted_columns.replace(column, row_id, cipher.rotate(token))
                    count.moved += 1
            if not rows:
                break
            after = rows[-1][0]
            if told is not None:
                told(count)
        counts.append(count)
    details = {count.column: count.moved for count in counts}
    await audit_log.record(caller, "encryption-key:rotate", _RESOURCE, actor="keelyard", details=details)
    return counts


async def check_retirement(rotated_at: datetime) -> None:
    """Raises Conflict while runs are going on that would still write under the old key."""
    running = await encrypted_columns.runs_from_before(rotated_at)
    if running:
        raise Conflict(
            f"{running} jobs run that began before the key was rotated; they write with the old key.",
            remedy="Wait until they have ended.",
        )


async def record_retirement(caller: Caller, *, keys: int) -> None:
    """Tell the audit log that older keys are not in use any more."""
    await audit_log.record(
        caller, "encryption-key:retire", _RESOURCE, actor="keelyard", details={"retired": keys}
    )
