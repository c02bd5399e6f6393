"""Reading the event log from any side: both ways, by phase, host and kind, never by a whole scan."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import msgspec

from engine.domain.events import EventKind, RunEvent
from engine.store import database, rows

COLUMNS = (
    "sequence",
    "attempt",
    "kind",
    "phase",
    "task",
    "role",
    "host",
    "message",
    "duration_seconds",
    "data",
    "created_at",
)
#: So many sequence numbers one search looks at; it then says where the next one goes on.
SEARCH_WINDOW = 100_000
#: About so many bytes of text and data one read returns at most, but always one event.
MOST_BYTES = 4 * 1024 * 1024


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """Which events; None means any."""

    phase: str | None = None
    host: str | None = None
    kinds: tuple[EventKind, ...] | None = None
    text: str | None = None  # part of the task's name or of the message, in any case


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """Which sequence numbers, both ends excluded, and from which end they are read."""

    above: int
    below: int
    backwards: bool = False


class Slice(msgspec.Struct, frozen=True, kw_only=True):
    """Events in order of their sequence."""

    events: list[RunEvent]
    more: bool  # the span was not read to its end
    reached: int  # the last number that was looked at, in the direction of reading


async def read(job_id: uuid.UUID, span: Span, filters: Filters, limit: int) -> Slice:
    """At most `limit` events of a span, from the end it is read from."""
    asked, span = span, span if filters.text is None else _window(span)
    found = await database.fetch(*_statement(job_id, span, filters, limit + 1))
    cut = len(found) > limit or bool(found and found[-1]["total"] >= MOST_BYTES)
    events = [msgspec.convert(row, RunEvent) for row in found[:limit]]
    end = span.above + 1 if span.backwards else span.below - 1
    return Slice(
        events=events[::-1] if span.backwards else events,
        more=cut or span != asked,
        reached=events[-1].sequence if cut else end,
    )


async def first(job_id: uuid.UUID) -> int | None:
    """The lowest sequence of a job that is still stored."""
    row = await database.fetch_one(
        "SELECT sequence FROM event WHERE job_id = $1 ORDER BY sequence LIMIT 1", job_id
    )
    return None if row is None else int(row["sequence"])


def _window(span: Span) -> Span:
    if span.backwards:
        return msgspec.structs.replace(span, above=max(span.above, span.below - 1 - SEARCH_WINDOW))
    return msgspec.structs.replace(span, below=min(span.below, span.above + 1 + SEARCH_WINDOW))


def _statement(job_id: uuid.UUID, span: Span, filters: Filters, limit: int) -> tuple[Any, ...]:
    """SQL and its values: the events of a span, stopped where their size gets too big."""
    values: list[Any] = [job_id, span.above + 1, span.below - 1, limit]

    def place(value: Any) -> str:
        values.append(value)
        return f"${len(values)}"

    direction = " DESC" if span.backwards else ""
    found = _found(filters, direction, place)
    size = "octet_length(message) + octet_length(data::text)"
    sql = f"""
        SELECT * FROM (
            SELECT *, sum({size}) OVER (ORDER BY sequence{direction}) AS total, {size} AS size
            FROM ({found}) found) measured
        WHERE total - size < {place(MOST_BYTES)} ORDER BY sequence{direction}"""
    return (sql, *values)


def _found(filters: Filters, direction: str, place: Callable[[Any], str]) -> str:
    """The innermost query. A range over a whole index key, which equals what the filter says, leaves the
    planner no other index that gives the order: what a page costs does not hang on statistics. (Ends that
    are included are not estimated as empty, so it does not prefer to sort.)
    """
    columns = rows.quoted(COLUMNS)
    search = "" if filters.text is None else _search(place(filters.text))
    if filters.phase is None and filters.host is None and filters.kinds is None:
        return f"""
            SELECT {columns} FROM event WHERE job_id = $1 AND sequence >= $2 AND sequence <= $3{search}
            ORDER BY sequence{direction} LIMIT $4"""
    lead, extra = "", ""
    names = ["kind", "sequence"]
    if filters.host is not None:
        lead, names = f"{place(filters.host)}::text, ", ["host", *names]
        extra = " AND host IS NOT NULL"
        if filters.phase is not None:
            extra += f" AND phase = {place(filters.phase)}"
    elif filters.phase is not None:
        lead, names = f"{place(filters.phase)}::text, ", ["phase", *names]
        extra = " AND phase IS NOT NULL"
    kinds = place([kind.value for kind in (EventKind if filters.kinds is None else filters.kinds)])
    key = ", ".join(f"event.{name}" for name in names)
    order = ", ".join(f"event.{name}{direction}" for name in names)
    return f"""
        SELECT found.* FROM unnest({kinds}::text[]) AS wanted(kind) CROSS JOIN LATERAL (
            SELECT {columns} FROM event
            WHERE job_id = $1 AND ({key}) >= ({lead}wanted.kind, $2) AND ({key}) <= ({lead}wanted.kind, $3)
                {extra}{search}
            ORDER BY {order} LIMIT $4) found
        ORDER BY found.sequence{direction} LIMIT $4"""


def _search(text: str) -> str:
    return f" AND (strpos(lower(message), lower({text})) > 0 OR strpos(lower(task), lower({text})) > 0)"
