"""Bodies of the job routes."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any

import msgspec

from api.schemas.common import Accepted, Reply, Request, TenantName


class RetryHosts(enum.StrEnum):
    """Which nodes a retry works on; it goes on at the first unfinished phase either way."""

    FAILED = "failed"  # those that the job did not finish
    ALL = "all"


class Retry(Request):
    """What a retry does again; `hosts` may also be a list of node names. Control planes join where needed."""

    hosts: RetryHosts | list[str] = RetryHosts.FAILED


class LimitedTo(Reply):
    """A node that a retry works on, and why."""

    host: str
    because: str


class Retried(Accepted):
    """The new job, and the nodes that it works on; empty when those are all."""

    hosts: list[LimitedTo]


class Phase(Reply):
    """One step of a job."""

    slug: str
    name: str
    status: str
    started_at: datetime | None
    finished_at: datetime | None


class HostCounts(Reply):
    """How many nodes a job works on, how many it lost, and on how many it changed something."""

    total: int
    failed: int
    unreachable: int
    changed: int


class EstimateBasis(Reply):
    """What an estimate rests on: so many runs on the same `cluster`, on as many nodes (`node-count`), or of
    the same `job-type`.
    """

    kind: str
    runs: int


class Job(Reply):
    """One requested run on one cluster.

    `progress` is in per cent of the time that the phases are expected to take, else of their number. The
    estimate is there while the job runs and earlier runs tell something; `limited_to`, when one job is asked
    for that does not work on every node. `waiting_for` says what a queued job waits for; `worker` is who runs
    it, or did.
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
    hosts: HostCounts
    reason: str | msgspec.UnsetType = msgspec.UNSET
    message: str | msgspec.UnsetType = msgspec.UNSET
    retry_of: str | msgspec.UnsetType = msgspec.UNSET
    waiting_for: str | msgspec.UnsetType = msgspec.UNSET
    worker: str | msgspec.UnsetType = msgspec.UNSET
    events_expired: bool | msgspec.UnsetType = msgspec.UNSET  # true when the log has lost its beginning
    schedule_id: str | msgspec.UnsetType = msgspec.UNSET  # of the schedule that asked for it
    limited_to: list[LimitedTo] | msgspec.UnsetType = msgspec.UNSET
    left_out: list[str] | msgspec.UnsetType = msgspec.UNSET
    estimated_finish_at: datetime | msgspec.UnsetType = msgspec.UNSET
    estimated_seconds_left: int | msgspec.UnsetType = msgspec.UNSET
    estimate_basis: EstimateBasis | msgspec.UnsetType = msgspec.UNSET
    tenant: TenantName | msgspec.UnsetType = msgspec.UNSET


class JobHost(Reply):
    """What a job did on one node. `ok` includes `changed`; `task` is the latest that reported."""

    host: str
    status: str
    ok: int
    changed: int
    failed: int
    unreachable: int
    skipped: int
    rescued: int
    ignored: int
    duration_seconds: float
    phase: str | None
    task: str | None
    failure: str | None
    failed_task: str | None
    because: str
    last_sequence: int


class TimedTask(Reply):
    """A task on a node, and how long it took there. `sequence` is that of its event."""

    task: str
    role: str | None
    phase: str | None
    host: str
    seconds: float
    sequence: int


class PhaseTasks(Reply):
    """The slowest tasks of a phase."""

    phase: str
    data: list[TimedTask]


class SlowestTasks(Reply):
    """The slowest tasks of a job, and of each of its phases, slowest first."""

    data: list[TimedTask]
    phases: list[PhaseTasks]


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
