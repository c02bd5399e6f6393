"""Rows in and out of tables as records. Names come from code, values always go as parameters."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from engine.store import database


def quoted(names: Sequence[str]) -> str:
    """Column names, quoted and joined."""
    return ", ".join(f'"{name}"' for name in names)


def storable[Value: str | None](text: Value) -> Value:
    """Text that PostgreSQL can hold: without NUL, and without halves of surrogate pairs."""
    if text is None:
        return text
    return text.replace("\x00", "").encode("utf-8", "replace").decode()  # type: ignore[return-value]


async def insert(table: str, record: msgspec.Struct) -> None:
    """Write one record."""
    await insert_many(table, [record])


async def insert_many(table: str, records: Sequence[msgspec.Struct]) -> None:
    """Write records of one type in one statement; nothing for none."""
    if not records:
        return
    columns = records[0].__struct_fields__
    values = [getattr(record, column) for record in records for column in columns]
    width = len(columns)
    tuples = (
        "(" + ", ".join(f"${row * width + place + 1}" for place in range(width)) + ")"
        for row in range(len(records))
    )
    sql = f'INSERT INTO "{table}" ({quoted(columns)}) VALUES {", ".join(tuples)}'
    await database.fetch(sql, *values)


async def update(table: str, row_id: uuid.UUID, **values: Any) -> None:
    """Set columns of the row with this id."""
    assignments = ", ".join(f'"{name}" = ${place}' for place, name in enumerate(values, start=2))
    await database.fetch(f'UPDATE "{table}" SET {assignments} WHERE id = $1', row_id, *values.values())


async def one[Record: msgspec.Struct](kind: type[Record], sql: str, *arguments: Any) -> Record | None:
    """The first row as a record, or None."""
    row = await database.fetch_one(sql, *arguments)
    return None if row is None else msgspec.convert(row, kind)


async def many[Record: msgspec.Struct](kind: type[Record], sql: str, *arguments: Any) -> list[Record]:
    """All rows as records."""
    return [msgspec.convert(row, kind) for row in await database.fetch(sql, *arguments)]


class Filter:
    """Collects conditions and their values: `filter.add("status = {}", status)`; None values are left out."""

    def __init__(self) -> None:
        self.conditions: list[str] = []
        self.values: list[Any] = []

    def add(self, condition: str, value: Any) -> None:
        """Add a condition with one placeholder `{}` unless the value is None."""
        if value is not None:
            self.values.append(value)
            self.conditions.append(condition.format(f"${len(self.values)}"))

    def always(self, condition: str) -> None:
        """Add a condition without a value."""
        self.conditions.append(condition)

    @property
    def where(self) -> str:
        """The WHERE clause, empty for no condition."""
        return " WHERE " + " AND ".join(self.conditions) if self.conditions else ""


def needle(search: str | None) -> str | None:
    """What is looked for, as `lower(column)` has it."""
    return None if search is None else search.replace("\0", "").lower()


def order_by(asked: str | None, columns: Mapping[str, str], *, default: str, last: str) -> str:
    """The order asked for as "name" or "-name", with `last` to decide between equal ones."""
    name = (asked or "").removeprefix("-")
    if name not in columns:
        return default
    direction = " DESC" if asked is not None and asked.startswith("-") else ""
    return f"{columns[name]}{direction} NULLS LAST, {last}"


async def page[Record: msgspec.Struct](
    kind: type[Record], table: str, chosen: Filter, *, order: str, offset: int, limit: int
) -> tuple[list[Record], int]:
    """Records from `offset` on, and how many there are in all."""
    counted = await database.fetch_one(f'SELECT count(*) AS n FROM "{table}"{chosen.where}', *chosen.values)
    place = len(chosen.values)
    sql = f'SELECT * FROM "{table}"{chosen.where} ORDER BY {order} OFFSET ${place + 1} LIMIT ${place + 2}'
    assert counted is not None
    return await many(kind, sql, *chosen.values, offset, limit), counted["n"]
