"""Bodies of the schedule routes."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any

import msgspec

from api.schemas.common import Reply, Request


class MissedRunPolicy(enum.StrEnum):
    """What follows when due times passed while no worker was up."""

    SKIP = "skip"
    RUN_ONCE = "run_once"


class ScheduleRequest(Request):
    """A schedule as asked for. `cluster_id` takes an id or a name, `cron` five fields."""

    name: str
    cluster_id: str
    job_type: str
    cron: str
    time_zone: str = "UTC"
    enabled: bool = True
    missed_run_policy: MissedRunPolicy = MissedRunPolicy.SKIP
    parameters: dict[str, Any] = msgspec.field(default_factory=dict)


class ScheduleSwitch(Request):
    """What PATCH changes."""

    enabled: bool


class DueTime(Reply):
    """A due time by two clocks: UTC, and the schedule's zone with its offset."""

    utc: datetime
    local: str


class DueTimes(Reply):
    """The next due times of an expression."""

    data: list[DueTime]


class ScheduleRun(Reply):
    """What became of a due time; for `missed`, of `due_count` of them from `due_at` to `last_due_at`."""

    id: str
    trigger: str
    due_at: datetime
    last_due_at: datetime
    due_count: int
    outcome: str
    reason: str | None
    message: str | None
    job_id: str | None
    recorded_at: datetime


class Schedule(Reply):
    """A job that a clock asks for. `preview` holds the next due times, also of a disabled schedule."""

    id: str
    name: str
    cluster_id: str
    cluster_name: str
    job_type: str
    cron: str
    time_zone: str
    enabled: bool
    missed_run_policy: str
    parameters: dict[str, Any]
    created_by: str
    created_at: datetime
    updated_at: datetime
    last_run: ScheduleRun | None
    next_run: datetime | None
    preview: list[DueTime]
