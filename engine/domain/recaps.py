"""What happened on each host of a run, counted from its events as Ansible counts. Pure."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping

import msgspec

from engine.domain.events import EventKind, RunEvent

MESSAGE_LIMIT = 2000  # characters of a failure that are kept per host; the event has all of it
COUNTS = ("ok", "changed", "failed", "unreachable", "skipped", "rescued", "ignored")
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
        _add(found, event)
    return found


class RunRecap:
    """The recap of a whole run, fed with its events one by one."""

    def __init__(self) -> None:
        self.hosts: dict[str, HostTally] = {}

    def observe(self, event: RunEvent) -> None:
        """Take in one event. Ansible's own recap has the last word."""
        _add(self.hosts, event)
        if event.kind is EventKind.RECAP:
            for host, counts in (event.data.get("hosts") or {}).items():
                if host not in _CONTROLLER:
                    _correct(self.hosts.setdefault(host, HostTally()), counts)

    def status(self, host: str) -> HostStatus:
        """How the run, which is over, left a host."""
        tally = self.hosts.get(host, HostTally())
        if tally.lost is not None:
            return HostStatus(tally.lost)
        if not tally.ok + tally.skipped + tally.failed + tally.unreachable:
            return HostStatus.PENDING
        return HostStatus.CHANGED if tally.changed else HostStatus.OK

    def lines(self, hosts: Iterable[str] = ()) -> list[str]:
        """A table of the hosts, the given ones first, and what lost those that are lost."""
        names = list(dict.fromkeys([*hosts, *self.hosts]))
        if not names:
            return []
        width = max(len("HOST"), *map(len, names))
        heads = "".join(f"{name.upper():>{len(name) + 2}}" for name in COUNTS)
        table = [f"{'HOST':<{width}}  {'STATUS':<11}{heads}  SECONDS"]
        for name in names:
            tally = self.hosts.get(name, HostTally())
            counts = "".join(f"{getattr(tally, count):>{len(count) + 2}}" for count in COUNTS)
            table.append(f"{name:<{width}}  {self.status(name):<11}{counts}  {tally.duration_seconds:>7.1f}")
        lost = [(name, self.hosts[name]) for name in names if name in self.hosts and self.hosts[name].lost]
        return table + [f"{name}: {_failure(tally)}" for name, tally in lost]


def _failure(tally: HostTally) -> str:
    message = tally.failure or f"{tally.lost}"
    return f'"{tally.failed_task}": {message}' if tally.failed_task else message


def _add(found: dict[str, HostTally], event: RunEvent) -> None:
    if event.kind not in _APPLY or not event.host or event.host in _CONTROLLER:
        return
    tally = found.setdefault(event.host, HostTally())
    _APPLY[event.kind](tally, event)
    tally.duration_seconds += event.duration_seconds or 0.0
    tally.phase = event.phase or tally.phase
    tally.task = event.task or tally.task
    tally.last_sequence = event.sequence


def _correct(tally: HostTally, counts: Mapping[str, int]) -> None:
    for name in COUNTS:
        setattr(tally, name, int(counts.get(name) or 0))
    failed = HostStatus.FAILED.value if tally.failed else None
    tally.lost = HostStatus.UNREACHABLE.value if tally.unreachable else failed


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
