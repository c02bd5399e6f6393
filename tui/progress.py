"""Where a job is, worked out from its events alone: phases with times, counts per host, the first failure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from tui import wire

_COUNTED = {
    "host_ok": "ok",
    "host_changed": "changed",
    "host_failed": "failed",
    "host_unreachable": "unreachable",
    "host_skipped": "skipped",
}


@dataclass
class HostCounts:
    """What happened on one host. `ok` includes `changed`, as in Ansible's recap."""

    ok: int = 0
    changed: int = 0
    failed: int = 0
    unreachable: int = 0
    skipped: int = 0
    task: str = ""  # the latest task that reported
    seconds: float = 0.0  # all its tasks together
    lost: str = ""  # failed | lost, which is what Ansible calls unreachable
    failure: str = ""  # what lost it
    sequence: int = 0  # of the last event that is in these counts

    def word(self, *, over: bool) -> str:
        """One word for the host."""
        if self.lost:
            return self.lost
        if not self.ok + self.skipped + self.failed + self.unreachable:
            return "pending"
        if not over:
            return "running"
        return "changed" if self.changed else "ok"


@dataclass
class PhaseProgress:
    """One phase as seen so far."""

    name: str
    status: str = "pending"
    started_at: datetime | None = None
    finished_at: datetime | None = None


@dataclass
class JobProgress:
    """Fed with the job as read and with every event once, in order."""

    phases: dict[str, PhaseProgress] = field(default_factory=dict)
    hosts: dict[str, HostCounts] = field(default_factory=dict)

    @property
    def failure(self) -> str:
        """What lost the first of the hosts that are lost; empty while none is."""
        lost = [counts for counts in self.hosts.values() if counts.lost]
        return min(lost, key=lambda counts: counts.sequence).failure if lost else ""

    def chosen(self, marked: list[str], most: int) -> list[str]:
        """The hosts to look at more closely: those marked, then those lost, then the latest that reported."""
        known = [host for host in marked if host in self.hosts]
        others = sorted(
            (host for host in self.hosts if host not in known),
            key=lambda host: (not self.hosts[host].lost, -self.hosts[host].sequence),
        )
        return [*known, *others][:most]

    def read(self, job: wire.Job) -> None:
        """Takes the server's word about phases, which knows those that have not begun and those skipped."""
        self.phases = {
            phase.slug: PhaseProgress(phase.name, phase.status, phase.started_at, phase.finished_at)
            for phase in job.phases
        }

    def read_hosts(self, hosts: list[wire.JobHost]) -> None:
        """Takes the server's counts, unless newer events have been seen of a host."""
        known, self.hosts = self.hosts, {}
        for host in hosts:
            counts = known.pop(host.host, None)
            if counts is None or counts.sequence <= host.last_sequence:
                counts = _counts(host)
            self.hosts[host.host] = counts
        self.hosts |= known

    def apply(self, event: wire.Event) -> bool:
        """Takes one event; True when the job or a phase began or ended, so that the job is worth reading."""
        match event.kind:
            case "phase_started" | "phase_finished":
                self._phase(event)
                return True
            case "job_started" | "job_finished":
                return True
            case "recap":
                self._recap(event)
            case kind if kind in _COUNTED and event.host:
                self._host(event, event.host)
        return False

    def _phase(self, event: wire.Event) -> None:
        slug = event.phase or ""
        phase = self.phases.setdefault(slug, PhaseProgress(slug))
        if event.kind == "phase_started":
            phase.status, phase.started_at, phase.finished_at = "running", event.created_at, None
        else:
            phase.status = str(event.data.get("status", "succeeded"))
            phase.finished_at = event.created_at

    def _host(self, event: wire.Event, host: str) -> None:
        counts = self.hosts.setdefault(host, HostCounts())
        if event.sequence <= counts.sequence:
            return  # the server has counted it already
        name = _COUNTED[event.kind]
        setattr(counts, name, getattr(counts, name) + 1)
        if name == "changed":
            counts.ok += 1
        counts.task = event.task or counts.task
        counts.seconds += event.duration_seconds or 0.0
        counts.sequence = event.sequence
        if name not in _LOST:
            counts.lost = counts.failure = ""
        elif not counts.lost:
            counts.lost = _LOST[name]
            counts.failure = _failure(host, name, event.task, event.message)

    def _recap(self, event: wire.Event) -> None:
        recap = event.data.get("hosts")
        if not isinstance(recap, dict):
            return
        for host, told in recap.items():
            counts = self.hosts.setdefault(str(host), HostCounts())
            for name in _COUNTED.values():
                value = told.get(name) if isinstance(told, dict) else None
                if isinstance(value, int):
                    setattr(counts, name, value)
            counts.sequence = max(counts.sequence, event.sequence)
            if not counts.failed and not counts.unreachable:
                counts.lost = counts.failure = ""


_LOST = {"failed": "failed", "unreachable": "lost"}


def _failure(host: str, name: str, task: str | None, message: str | None) -> str:
    where = f'"{task}" {name} on {host}' if task else f"{host} {name}"
    return f"{where}: {message}" if message else f"{where}."


def _counts(host: wire.JobHost) -> HostCounts:
    lost = _LOST.get(host.status, "")
    return HostCounts(
        ok=host.ok,
        changed=host.changed,
        failed=host.failed,
        unreachable=host.unreachable,
        skipped=host.skipped,
        task=host.task or "",
        seconds=host.duration_seconds,
        lost=lost,
        failure=_failure(host.host, host.status, host.failed_task, host.failure) if lost else "",
        sequence=host.last_sequence,
    )
