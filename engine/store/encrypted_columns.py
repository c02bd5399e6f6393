"""Every column that holds a secret under an encryption key, row by row."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import NamedTuple

from engine.store import database


class Column(NamedTuple):
    """A column of a table whose key is `id`."""

    table: str
    name: str


#: All of them end in `_encrypted`; a test compares this list with the schema.
COLUMNS = (
    Column("cluster", "kubeconfig_encrypted"),
    Column("ssh_credential", "secrets_encrypted"),
    Column("notification_channel", "configuration_encrypted"),
)


async def batch(column: Column, *, after: uuid.UUID | None, limit: int) -> list[tuple[uuid.UUID, str]]:
    """Ids and values behind an id, in order; locked until the transaction ends."""
    rows = await database.fetch(
        f'SELECT id, "{column.name}" AS value FROM "{column.table}" WHERE "{column.name}" IS NOT NULL'
        " AND ($1::uuid IS NULL OR id > $1) ORDER BY id LIMIT $2 FOR UPDATE",
        after,
        limit,
    )
    return [(row["id"], row["value"]) for row in rows]


async def replace(column: Column, row_id: uuid.UUID, value: str) -> None:
    """Set the value of one row, and nothing else of it."""
    await database.fetch(f'UPDATE "{column.table}" SET "{column.name}" = $2 WHERE id = $1', row_id, value)


async def runs_from_before(moment: datetime) -> int:
    """How many jobs run that began before a time: their supervisors hold the keys of then."""
    row = await database.fetch_one(
        "SELECT count(*) AS n FROM job WHERE status = 'running' AND started_at < $1", moment
    )
    assert row is not None
    return int(row["n"])
