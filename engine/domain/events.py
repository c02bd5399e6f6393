"""A job's events: what happened, told once, numbered without gaps by the job's only writer."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any

import msgspec


class EventKind(enum.StrEnum):
    """What an event tells."""

    JOB_STARTED = "job_started"
    PHASE_STARTED = "phase_started"
    PHASE_FINISHED = "phase_finished"  # data: {"status": PhaseStatus}
    TASK_STARTED = "task_started"
    HOST_OK = "host_ok"
    HOST_CHANGED = "host_changed"
    HOST_SKIPPED = "host_skipped"
    HOST_FAILED = "host_failed"
    HOST_UNREACHABLE = "host_unreachable"
    MESSAGE = "message"  # output that belongs to no task, warnings, what Keelyard itself says
    RECAP = "recap"  # data: {"hosts": {host: {ok, changed, failed, unreachable, skipped}}}
    JOB_FINISHED = "job_finished"  # data: {"status": JobStatus, "reason": str}


class RunEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One redacted, immutable fact of a run; `sequence` is 0 until the supervisor numbers it, from 1."""

    kind: EventKind
    created_at: datetime
    sequence: int = 0
    attempt: int = 1
    phase: str | None = None  # slug
    task: str | None = None
    role: str | None = None
    host: str | None = None
    message: str = ""
    duration_seconds: float | None = None
    data: dict[str, Any] = {}
