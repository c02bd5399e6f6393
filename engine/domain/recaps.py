"""What happened on each host of a run, counted from its events as Ansible counts. Pure."""

from __future__ import annotations

import enum
from collections.abc import Iterable

import msgspec

from engine.domain.events import EventKind, RunEvent

MESSAGE_LIMIT = 2000  # characters of a failure that are kept per host; the event has all of it
_CONTROLLER = frozenset({"localhost", "127.0.0.1"})


class HostStatus(enum.StrEnum):
    """How a job stands on one host."""

    PENDING = "pending"  # nothing has been done there; in a job that has ended: never reached
    RUNNING = "running"
    OK = "ok"  # nothing had to be changed
    CHANGED = "changed"
    FAILED = "failed"
    UNREACHABLE = "unreachable"


class HostTally(msgspec.Struct, kw_only=True):
    """Task results of one host. `ok` includes `changed`."""

    ok: int = 0
    changed: int = 0
    failed: int = 0
    unreachable: int = 0
    skipped: int = 0
    rescued: int = 0
    ignored: int = 0
    duration_seconds: float = 0.0
    lost: str | None = None  # failed | unreachable: no result has come since
    phase: str | None = None
    task: str | None = None
    failure: str | None = None
    failed_task: str | None = None
    last_sequence: int = 0


def tallies(events: Iterable[RunEvent]) -> dict[str, HostTally]:
    """Results per host. What Keelyard does on its own machine belongs to no host.

    A host that goes on after a failure was rescued, as far as one can see while it happens.
    """
    found: dict[str, HostTally] = {}
    for event in events:
        if event.kind in _APPLY and event.host and event.host not in _CONTROLLER:
            tally = found.setdefault(event.host, HostTally())
            _APPLY[event.kind](tally, event)
            tally.duration_seconds += event.duration_seconds or 0.0
            tally.phase = event.phase or tally.phase
            tally.task = event.task or tally.task
            tally.last_sequence = event.sequence
    return found


def _ok(tally: HostTally, event: RunEvent) -> None:
    tally.ok += 1
    tally.changed += event.kind is EventKind.HOST_CHANGED
    tally.ignored += bool(event.data.get("ignored"))
    tally.lost = None


def _skipped(tally: HostTally, _: RunEvent) -> None:
    tally.skipped += 1
    tally.lost = None


def _lost(tally: HostTally, event: RunEvent) -> None:
    status = HostStatus.FAILED if event.kind is EventKind.HOST_FAILED else HostStatus.UNREACHABLE
    if status is HostStatus.FAILED:
        tally.failed += 1
    else:
        tally.unreachable += 1
    if tally.lost is None:
        tally.failure, tally.failed_task = event.message[:MESSAGE_LIMIT], event.task
    tally.lost = status.value


_APPLY = {
    EventKind.HOST_OK: _ok,
    EventKind.HOST_CHANGED: _ok,
    EventKind.HOST_SKIPPED: _skipped,
    EventKind.HOST_FAILED: _lost,
    EventKind.HOST_UNREACHABLE: _lost,
}
