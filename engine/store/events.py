"""The event log: batches by COPY, numbered without gaps, replayed without duplicates."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import msgspec

from engine.domain.errors import Conflict
from engine.domain.events import EventKind, RunEvent
from engine.domain.visible_text import visible_value
from engine.store import database, rows

CHANNEL = "job_events"  # payload: "<job id>:<last sequence>"
_COLUMNS = (
    "job_id",
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


class Fenced(Conflict):
    """The job belongs to another attempt now; this writer must stop."""


class SequenceGap(Conflict):
    """Events are missing before the first one given."""


async def append(job_id: uuid.UUID, attempt: int, events: Sequence[RunEvent]) -> int:
    """Write numbered events of a job and tell listeners; returns the last sequence that is stored.

    Events that are stored already are left out, so a batch whose answer was lost can simply be sent again.
    Raises Fenced when `attempt` is not the job's, SequenceGap when numbers are missing.
    """
    async with database.transaction() as transaction:
        row = await database.fetch_one(
            "SELECT attempt, last_sequence FROM job WHERE id = $1 FOR UPDATE", job_id
        )
        if row is None or row["attempt"] != attempt:
            raise Fenced(f"Job {job_id} is not run by attempt {attempt} any more.")
        stored = int(row["last_sequence"])
        fresh = [event for event in events if event.sequence > stored]
        if not fresh:
            return stored
        expected = range(stored + 1, stored + 1 + len(fresh))
        if [event.sequence for event in fresh] != list(expected):
            raise SequenceGap(
                f"Job {job_id} has events up to {stored}, the next given is {fresh[0].sequence}."
            )
        await transaction.connection.copy_records_to_table(
            "event", records=[_row(job_id, event) for event in fresh], columns=_COLUMNS
        )
        last = fresh[-1].sequence
        await database.fetch("UPDATE job SET last_sequence = $2 WHERE id = $1", job_id, last)
        await database.fetch("SELECT pg_notify($1, $2)", CHANNEL, f"{job_id}:{last}")
        return last


async def append_next(job_id: uuid.UUID, attempt: int, event: RunEvent) -> int:
    """Write one event with the next number; for jobs that no supervisor runs (any more)."""
    async with database.transaction():
        row = await database.fetch_one("SELECT last_sequence FROM job WHERE id = $1 FOR UPDATE", job_id)
        last = 0 if row is None else int(row["last_sequence"])
        numbered = msgspec.structs.replace(event, sequence=last + 1, attempt=attempt)
        return await append(job_id, attempt, [numbered])


def _row(job_id: uuid.UUID, event: RunEvent) -> tuple[Any, ...]:
    return (
        job_id,
        event.sequence,
        event.attempt,
        event.kind.value,
        event.phase,
        visible_value(event.task),
        visible_value(event.role),
        visible_value(event.host),
        visible_value(event.message) or "",
        event.duration_seconds,
        visible_value(event.data),
        event.created_at,
    )


async def read(
    job_id: uuid.UUID,
    *,
    after: int = 0,
    limit: int = 500,
    phase: str | None = None,
    host: str | None = None,
    kinds: Sequence[EventKind] | None = None,
) -> list[RunEvent]:
    """Events with a sequence above `after`, in order, at most `limit`."""
    chosen = rows.Filter()
    chosen.add("job_id = {}", job_id)
    chosen.add("sequence > {}", after)
    chosen.add("phase = {}", phase)
    chosen.add("host = {}", host)
    chosen.add("kind = ANY({}::text[])", None if kinds is None else [kind.value for kind in kinds])
    place = len(chosen.values) + 1
    columns = rows.quoted(_COLUMNS[1:])
    sql = f"SELECT {columns} FROM event{chosen.where} ORDER BY sequence LIMIT ${place}"
    return await rows.many(RunEvent, sql, *chosen.values, limit)


async def make_partitions(months_ahead: int = 2) -> int:
    """Make the partitions of this month and the next ones; how many were new."""
    row = await database.fetch_one("SELECT keelyard_make_event_partitions($1) AS n", months_ahead)
    return 0 if row is None else int(row["n"])


async def drop_partitions(keep_months: int) -> int:
    """Drop the events of months before the last `keep_months`, except months with events of a job that runs
    or waits; how many partitions went. One that is read for long is left for the next time.
    """
    row = await database.fetch_one("SELECT keelyard_drop_event_partitions($1) AS n", keep_months)
    return 0 if row is None else int(row["n"])
