"""Bodies of the job routes."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any

import msgspec

from api.schemas.common import Reply, Request


class RetryHosts(enum.StrEnum):
    """Which nodes a retry works on; it goes on at the first unfinished phase either way."""

    FAILED = "failed"  # those that are not ready, and the control planes
    ALL = "all"


class Retry(Request):
    """What a retry does again."""

    hosts: RetryHosts = RetryHosts.FAILED


class Phase(Reply):
    """One step of a job."""

    slug: str
    name: str
    status: str
    started_at: datetime | None
    finished_at: datetime | None


class Job(Reply):
    """One requested run on one cluster. `progress` counts phases, in per cent.

    `waiting_for` says what a queued job waits for; `worker` is who runs it, or did.
    """

    id: str
    type: str
    status: str
    cluster_id: str
    cluster_name: str
    created_by: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    progress: int
    phases: list[Phase]
    reason: str | msgspec.UnsetType = msgspec.UNSET
    message: str | msgspec.UnsetType = msgspec.UNSET
    retry_of: str | msgspec.UnsetType = msgspec.UNSET
    waiting_for: str | msgspec.UnsetType = msgspec.UNSET
    worker: str | msgspec.UnsetType = msgspec.UNSET
    events_expired: bool | msgspec.UnsetType = msgspec.UNSET  # true when the log has lost its beginning
    schedule_id: str | msgspec.UnsetType = msgspec.UNSET  # of the schedule that asked for it


class Event(Reply):
    """One fact of a job. `sequence` has no gaps within a job."""

    sequence: int
    attempt: int
    kind: str
    created_at: datetime
    phase: str | None
    host: str | None
    task: str | None
    role: str | None
    message: str
    duration_seconds: float | None
    data: dict[str, Any]


class EventPage(Reply):
    """Events in order of their sequence.

    `previous` is the `before` of the page before this one, `next` the `after` of the page behind it; null at
    the ends. A search may find nothing in a page and still say where to go on. `last_sequence` is how far the
    job was: a stream that begins there misses nothing. `events_expired`: the job's first events, or all, were
    removed because they are older than this server keeps events.
    """

    data: list[Event]
    previous: int | None
    next: int | None
    last_sequence: int
    events_expired: bool
