"""Follows a run through its phases: which one is on, which hosts were lost where, and how each phase
ended.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from engine.domain.statuses import PhaseStatus
from engine.execution.outcomes import HostRecap
from engine.execution.plan import Phase


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """One failed or unreachable result."""

    host: str
    phase: Phase | None
    task: str
    message: str
    unreachable: bool = False

    def __str__(self) -> str:
        where = f' in "{self.task}"' if self.task and not self.unreachable else ""
        return f"{self.host}: {self.message}" if not where else f"{self.host}{where}: {self.message}"


class Transition(msgspec.Struct, frozen=True):
    """A phase that began (`RUNNING`) or ended."""

    phase: Phase
    status: PhaseStatus
    reason: str = ""


class PhaseTracker:
    """A phase succeeds when every host it targets ended it without failure, and none was lost before it.

    A host that goes on after a failure was rescued, as far as one can see while it happens; Ansible's own
    statistics correct that at the end.
    """

    def __init__(self, phases: Sequence[Phase], resolve: Callable[[str], list[str] | None]) -> None:
        self.status = {phase.slug: PhaseStatus.PENDING for phase in phases}
        self.current: Phase | None = None
        self.failures: list[Failure] = []
        self._phases = list(phases)
        self._resolve = resolve
        self._lost: dict[str, Failure] = {}
        self._forgiven: dict[str, Failure] = {}
        self._seen: dict[str, set[str]] = {phase.slug: set() for phase in phases}
        self._tally: dict[str, dict[str, int]] = {}
        self._recap: dict[str, HostRecap] | None = None

    def play_started(self, name: str) -> list[Transition]:
        """A play began. Further batches of a `serial` play belong to the same phase."""
        phase = self._phase_called(name)
        if phase is not None and phase == self.current:
            return []
        transitions = self._close()
        self.current = phase
        if phase is not None:
            self.status[phase.slug] = PhaseStatus.RUNNING
            transitions.append(Transition(phase, PhaseStatus.RUNNING))
        return transitions

    def result(self, host: str, kind: str) -> None:
        """Count one result: ok, changed, skipped. A lost host that answers again was rescued."""
        self._count(host, kind)
        if host in self._lost:
            self._forgiven[host] = self._lost.pop(host)

    def failed(self, failure: Failure) -> None:
        """Count a failure that nothing ignored."""
        self._count(failure.host, "unreachable" if failure.unreachable else "failed")
        self.failures.append(failure)
        self._lost.setdefault(failure.host, failure)

    def stats(self, stats: Mapping[str, Any]) -> list[Transition]:
        """Ansible's own statistics: ends the current phase and corrects what only the end can tell.

        A host that looked rescued and was not is lost after all; one whose unreachability was ignored is not.
        """
        transitions = self._close()
        self._recap = _recap_of(stats)
        for host, failure in self._forgiven.items():
            recap = self._recap.get(host, HostRecap())
            if recap.unreachable if failure.unreachable else recap.failed:
                self._lost.setdefault(host, failure)
        for host in list(self._lost):
            if host in self._recap and not (self._recap[host].unreachable or self._recap[host].failed):
                del self._lost[host]
        return transitions + self._corrections()

    def finish(self, *, succeeded: bool, reason: str) -> list[Transition]:
        """The run is over: nothing stays RUNNING, and a failed run has at least one failed phase."""
        if succeeded:
            return self._close()
        if self.current is not None:
            transitions = [self._set(self.current, PhaseStatus.FAILED, self._reason(self.current) or reason)]
            self.current = None
            return transitions
        if PhaseStatus.FAILED in self.status.values():
            return []
        for phase in self._phases:
            if self.status[phase.slug] is PhaseStatus.PENDING:
                return [
                    Transition(phase, PhaseStatus.RUNNING),
                    self._set(phase, PhaseStatus.FAILED, reason),
                ]
        return []

    def recap(self) -> dict[str, HostRecap]:
        """Results per host, from Ansible's statistics where they came, else as counted here."""
        if self._recap is not None:
            return self._recap
        return {
            host: HostRecap(
                ok=count.get("ok", 0) + count.get("changed", 0),
                changed=count.get("changed", 0),
                failed=count.get("failed", 0),
                unreachable=count.get("unreachable", 0),
                skipped=count.get("skipped", 0),
            )
            for host, count in self._tally.items()
        }

    def first_failure(self) -> Failure | None:
        """The first failure that counted, else the first one seen."""
        lost = [failure for failure in self.failures if self._lost.get(failure.host) is failure]
        return next(iter(lost or self.failures), None)

    def anything_done(self) -> bool:
        """Whether any host reported anything."""
        return bool(self._tally)

    def _phase_called(self, name: str) -> Phase | None:
        return next((phase for phase in self._phases if phase.name == name), None)

    def _count(self, host: str, kind: str) -> None:
        tally = self._tally.setdefault(host, {})
        tally[kind] = tally.get(kind, 0) + 1
        if self.current is not None:
            self._seen[self.current.slug].add(host)

    def _close(self) -> list[Transition]:
        phase, self.current = self.current, None
        if phase is None:
            return []
        reason = self._reason(phase)
        if reason:
            return [self._set(phase, PhaseStatus.FAILED, reason)]
        if not self._seen[phase.slug] and not self._targets(phase):
            return [self._set(phase, PhaseStatus.SKIPPED, "no node to work on")]
        return [self._set(phase, PhaseStatus.SUCCEEDED)]

    def _targets(self, phase: Phase) -> set[str]:
        named = self._resolve(phase.targets)
        return self._seen[phase.slug] if named is None else set(named)

    def _reason(self, phase: Phase) -> str:
        """Why a phase did not succeed on every host; "" when it did."""
        hosts = sorted(self._targets(phase) | self._seen[phase.slug])
        lost = [self._lost[host] for host in hosts if host in self._lost]
        lost = [failure for failure in lost if self._index(failure.phase) <= self._index(phase)]
        here = [failure for failure in lost if failure.phase in (phase, None)]
        if here:
            return str(here[0])
        return f"{', '.join(failure.host for failure in lost)}: lost in an earlier phase" if lost else ""

    def _index(self, phase: Phase | None) -> int:
        return self._phases.index(phase) if phase is not None else -1

    def _corrections(self) -> list[Transition]:
        transitions = []
        for phase in self._phases:
            reason = self._reason(phase)
            if self.status[phase.slug] is PhaseStatus.SUCCEEDED and reason:
                transitions.append(self._set(phase, PhaseStatus.FAILED, reason))
            elif self.status[phase.slug] is PhaseStatus.FAILED and not reason:
                transitions.append(self._set(phase, PhaseStatus.SUCCEEDED))
        return transitions

    def _set(self, phase: Phase, status: PhaseStatus, reason: str = "") -> Transition:
        self.status[phase.slug] = status
        return Transition(phase, status, reason)


def _recap_of(stats: Mapping[str, Any]) -> dict[str, HostRecap]:
    hosts = sorted({host for counts in stats.values() if isinstance(counts, dict) for host in counts})
    return {
        host: HostRecap(
            ok=stats.get("ok", {}).get(host, 0),
            changed=stats.get("changed", {}).get(host, 0),
            failed=stats.get("failures", {}).get(host, 0),
            unreachable=stats.get("dark", {}).get(host, 0),
            skipped=stats.get("skipped", {}).get(host, 0),
            rescued=stats.get("rescued", {}).get(host, 0),
            ignored=stats.get("ignored", {}).get(host, 0),
        )
        for host in hosts
        if host != "localhost" or len(hosts) == 1 or stats.get("failures", {}).get(host)
    }
