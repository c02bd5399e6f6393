"""When a job will be through: from how long its phases took in runs that succeeded. Pure."""

from __future__ import annotations

import enum
import statistics
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from engine.domain.statuses import PhaseStatus

RUNS = 5  # of one kind; more would tell of software that is no longer installed
# A phase that takes longer than ever is expected to take this share of its time so far once more, so that
# the estimate grows with it and never promises an end that has passed.
OVERDUE_SHARE = 0.1
_DONE = frozenset({PhaseStatus.SUCCEEDED, PhaseStatus.SKIPPED})
_LEFT = frozenset({PhaseStatus.PENDING, PhaseStatus.RUNNING})


class Basis(enum.StrEnum):
    """What an expectation rests on, best first."""

    CLUSTER = "cluster"  # runs on the same cluster
    NODE_COUNT = "node-count"  # runs on as many nodes
    JOB_TYPE = "job-type"  # any run of the same type


class PastRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run that succeeded: seconds of each phase it went through, and until the first one began."""

    same_cluster: bool
    nodes: int
    phases: Mapping[str, float]
    startup: float = 0.0


class Expectation(msgspec.Struct, frozen=True, kw_only=True):
    """How long the phases of a job should take, in seconds; kept with the job from its beginning."""

    phases: dict[str, float]
    startup: float
    basis: Basis  # the weakest that was needed
    runs: int  # how many were used


class PhaseTimes(msgspec.Struct, frozen=True, kw_only=True):
    """How far one phase of a job is."""

    slug: str
    status: PhaseStatus
    started_at: datetime | None = None
    finished_at: datetime | None = None


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """When a running job will be through, seen from now."""

    seconds_left: float
    finish_at: datetime
    progress: int  # per cent, weighted by duration


def expectation(slugs: Sequence[str], nodes: int, past: Sequence[PastRun]) -> Expectation | None:
    """What to expect of a job with these phases on so many nodes; None when no run tells anything.

    Per phase, the median of the last runs on the same cluster, else on as many nodes, else of any.

    Args:
        slugs: the phases of the job's playbook.
        nodes: how many it works on.
        past: runs of the same job type that succeeded, newest first.
    """
    tiers = {
        Basis.CLUSTER: [run for run in past if run.same_cluster],
        Basis.NODE_COUNT: [run for run in past if run.nodes == nodes],
        Basis.JOB_TYPE: list(past),
    }
    seconds: dict[str, float] = {}
    used: dict[int, PastRun] = {}
    bases: set[Basis] = set()
    for slug in slugs:
        for basis, runs in tiers.items():
            found = [run for run in runs if slug in run.phases][:RUNS]
            if found:
                seconds[slug] = statistics.median(run.phases[slug] for run in found)
                used.update({id(run): run for run in found})
                bases.add(basis)
                break
    if not seconds:
        return None
    startup = statistics.median(run.startup for run in used.values())
    weakest = max(bases, key=list(tiers).index)
    return Expectation(phases=seconds, startup=startup, basis=weakest, runs=len(used))


def estimate(
    phases: Sequence[PhaseTimes], expected: Expectation, *, started_at: datetime, now: datetime
) -> Estimate | None:
    """When a running job will be through; None when a phase before it has no expectation."""
    if any(phase.status in _LEFT and phase.slug not in expected.phases for phase in phases):
        return None
    left = sum(_left(phase, expected, now) for phase in phases if phase.status in _LEFT)
    if not any(phase.started_at for phase in phases):
        left += _rest(expected.startup, _seconds(started_at, now))
    return Estimate(
        seconds_left=left,
        finish_at=now + timedelta(seconds=left),
        progress=_progress(phases, expected, now),
    )


def _left(phase: PhaseTimes, expected: Expectation, now: datetime) -> float:
    whole = expected.phases[phase.slug]
    if phase.status is PhaseStatus.PENDING or phase.started_at is None:
        return whole
    return _rest(whole, _seconds(phase.started_at, now))


def _rest(whole: float, elapsed: float) -> float:
    return max(whole - elapsed, OVERDUE_SHARE * elapsed)


def _seconds(since: datetime, now: datetime) -> float:
    return max(0.0, (now - since).total_seconds())  # clocks of two machines may differ


def _progress(phases: Sequence[PhaseTimes], expected: Expectation, now: datetime) -> int:
    whole = sum(expected.phases.get(phase.slug, 0.0) for phase in phases)
    done = 0.0
    for phase in phases:
        weight = expected.phases.get(phase.slug, 0.0)
        if phase.status in _DONE:
            done += weight
        elif phase.status is PhaseStatus.RUNNING and phase.started_at is not None:
            done += min(weight, _seconds(phase.started_at, now))
    return min(99, int(100 * done / whole)) if whole else 0
