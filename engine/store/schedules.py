"""Rows of schedules and of what became of their due times."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

import msgspec

from engine.store import database, records, rows


class ScheduleView(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule as it is shown: with its cluster's name and its latest run."""

    schedule: records.Schedule
    cluster_name: str
    last: records.ScheduleRun | None


class DueSchedule(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule that is due, locked until the transaction ends, and the time by the database's clock."""

    schedule: records.Schedule
    now: datetime


async def add(schedule: records.Schedule) -> None:
    """Write a schedule; asyncpg.UniqueViolationError (`schedule_name_unique`) when the name is taken."""
    await rows.insert("schedule", schedule)


async def get(schedule_id: uuid.UUID, *, lock: bool = False) -> records.Schedule | None:
    """The schedule with this id; locked until the transaction ends if asked."""
    sql = "SELECT * FROM schedule WHERE id = $1" + (" FOR UPDATE" if lock else "")
    return await rows.one(records.Schedule, sql, schedule_id)


async def update(schedule_id: uuid.UUID, **values: Any) -> None:
    """Set columns."""
    await rows.update("schedule", schedule_id, **values)


async def remove(schedule_id: uuid.UUID) -> None:
    """Delete a schedule and what became of its due times; its jobs stay."""
    await database.fetch("DELETE FROM schedule WHERE id = $1", schedule_id)


async def view(schedule_id: uuid.UUID) -> ScheduleView | None:
    """The schedule with this id as it is shown."""
    schedule = await get(schedule_id)
    return None if schedule is None else (await _views([schedule]))[0]


async def page(
    *, cluster_id: uuid.UUID | None, enabled: bool | None, offset: int, limit: int
) -> tuple[list[ScheduleView], int]:
    """Schedules by name, and how many in all."""
    chosen = rows.Filter()
    chosen.add("cluster_id = {}", cluster_id)
    chosen.add("enabled = {}", enabled)
    found, total = await rows.page(
        records.Schedule, "schedule", chosen, order="name, id", offset=offset, limit=limit
    )
    return await _views(found), total


async def _views(found: list[records.Schedule]) -> list[ScheduleView]:
    names = await database.fetch(
        "SELECT id, name FROM cluster WHERE id = ANY($1)", [schedule.cluster_id for schedule in found]
    )
    sql = """
        SELECT DISTINCT ON (schedule_id) * FROM schedule_run WHERE schedule_id = ANY($1)
        ORDER BY schedule_id, recorded_at DESC, last_due_at DESC, id DESC"""
    last = await rows.many(records.ScheduleRun, sql, [schedule.id for schedule in found])
    name_of = {row["id"]: row["name"] for row in names}
    last_of = {run.schedule_id: run for run in last}
    return [
        ScheduleView(
            schedule=schedule, cluster_name=name_of[schedule.cluster_id], last=last_of.get(schedule.id)
        )
        for schedule in found
    ]


async def next_due() -> DueSchedule | None:
    """A schedule that is due and that no other scheduler is at, locked until the transaction ends."""
    row = await database.fetch_one("""
        SELECT *, now() AS looked_at FROM schedule WHERE enabled AND next_run_at <= now()
        ORDER BY next_run_at LIMIT 1 FOR UPDATE SKIP LOCKED""")
    if row is None:
        return None
    now = row.pop("looked_at")
    return DueSchedule(schedule=msgspec.convert(row, records.Schedule), now=now)


async def advance(
    schedule_id: uuid.UUID, *, seen: datetime, last: datetime, following: datetime | None
) -> bool:
    """Move a schedule on to its next due time; False when it is not at `seen` any more."""
    row = await database.fetch_one(
        "UPDATE schedule SET next_run_at = CASE WHEN enabled THEN $3::timestamptz END, last_run_at = $4"
        " WHERE id = $1 AND next_run_at = $2 RETURNING id",
        schedule_id,
        seen,
        following,
        last,
    )
    return row is not None


async def database_now() -> datetime:
    """The time by the clock that schedules go by."""
    row = await database.fetch_one("SELECT now() AS now")
    assert row is not None
    found: datetime = row["now"]
    return found


async def served(schedule_id: uuid.UUID, due_at: datetime) -> bool:
    """Whether something became of this due time already."""
    sql = """
        SELECT 1 FROM schedule_run WHERE schedule_id = $1 AND last_due_at = $2 AND trigger = 'clock'"""
    return await database.fetch_one(sql, schedule_id, due_at) is not None


async def add_run(run: records.ScheduleRun) -> None:
    """Write what became of a due time."""
    await rows.insert("schedule_run", run)


async def runs(
    schedule_id: uuid.UUID, *, outcome: str | None, offset: int, limit: int
) -> tuple[list[records.ScheduleRun], int]:
    """What became of due times, latest first, and how many rows."""
    chosen = rows.Filter()
    chosen.add("schedule_id = {}", schedule_id)
    chosen.add("outcome = {}", outcome)
    return await rows.page(
        records.ScheduleRun,
        "schedule_run",
        chosen,
        order="recorded_at DESC, last_due_at DESC, id DESC",
        offset=offset,
        limit=limit,
    )


async def active_job(schedule_id: uuid.UUID) -> uuid.UUID | None:
    """A job of this schedule that is queued or running."""
    sql = "SELECT id FROM job WHERE schedule_id = $1 AND status IN ('queued', 'running') LIMIT 1"
    row = await database.fetch_one(sql, schedule_id)
    return None if row is None else row["id"]


async def forget_runs(keep_days: int) -> None:
    """Delete what became of due times longer ago than that."""
    await database.fetch(
        "DELETE FROM schedule_run WHERE recorded_at < now() - make_interval(days => $1)", keep_days
    )
