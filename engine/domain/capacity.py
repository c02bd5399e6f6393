"""How much a worker can carry, what a run weighs, and which worker takes which waiting job. Pure.

A run weighs one fork per node that is worked on at once, and memory: `RUN_MEGABYTES` for its supervisor and
`ansible-playbook` itself, `FORK_MEGABYTES` for each fork. `tests/bench/launch.py` measures it:
with small modules 86 MB and 26 MB; big modules and what they return come on top.
"""

from __future__ import annotations

import enum
import uuid
from collections.abc import Iterable, Sequence

import msgspec

FORKS_PER_PROCESSOR = 4
FORK_MEGABYTES = 100
RUN_MEGABYTES = 150
RESERVED_MEGABYTES = 2048  # of a machine, for everything else on it

LOST_SECONDS = 15.0  # without a heartbeat
#: A job younger than this is left to the worker with most room; older, whoever has room takes it.
PATIENCE_SECONDS = 1.0


class WorkerState(enum.StrEnum):
    """What can be expected of a worker; derived, never stored."""

    READY = "ready"  # takes jobs
    DRAINING = "draining"  # takes no more, and still has runs
    DRAINED = "drained"  # takes none and has none
    STOPPED = "stopped"  # its process ended when asked to; its runs go on
    LOST = "lost"  # no heartbeat; its runs count as dead once their leases have run out


class Capacity(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker offers."""

    forks: int
    memory_mb: int
    runs: int | None = None  # at the same time at most; None = as many as fit


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What runs take of it."""

    forks: int = 0
    memory_mb: int = 0
    runs: int = 0

    def __add__(self, other: Load) -> Load:
        return Load(
            forks=self.forks + other.forks,
            memory_mb=self.memory_mb + other.memory_mb,
            runs=self.runs + other.runs,
        )


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A worker that takes jobs now."""

    name: str
    capacity: Capacity
    load: Load


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A queued job that nothing in its own cluster stands before."""

    job_id: uuid.UUID
    nodes: int
    age_seconds: float


def of_machine(processors: int, memory_mb: int) -> Capacity:
    """What a machine offers by default: four forks a processor, 100 MB each, 2 GB left alone."""
    free = memory_mb - RESERVED_MEGABYTES
    forks = max(1, min(FORKS_PER_PROCESSOR * processors, free // FORK_MEGABYTES))
    return Capacity(forks=forks, memory_mb=max(free, RUN_MEGABYTES + FORK_MEGABYTES))


def weight(nodes: int, capacity: Capacity) -> Load:
    """What a run on that many nodes takes of a worker, whose forks are also the most that one run gets."""
    forks = max(1, min(nodes, capacity.forks))
    return Load(forks=forks, memory_mb=RUN_MEGABYTES + forks * FORK_MEGABYTES, runs=1)


def fits(nodes: int, capacity: Capacity, load: Load) -> bool:
    """Whether a run fits beside the load; on an empty worker any run does."""
    if load.runs == 0:
        return True
    if capacity.runs is not None and load.runs >= capacity.runs:
        return False
    full = load + weight(nodes, capacity)
    return full.forks <= capacity.forks and full.memory_mb <= capacity.memory_mb


def room(capacity: Capacity, load: Load) -> int:
    """How many more forks a worker has memory for; what workers are compared by."""
    memory = (capacity.memory_mb - load.memory_mb - RUN_MEGABYTES) // FORK_MEGABYTES
    return min(capacity.forks - load.forks, memory)


def state(*, drained: bool, stopped: bool, silent_seconds: float, runs: int) -> WorkerState:
    """A worker's state from what is known of it."""
    if stopped:
        return WorkerState.STOPPED
    if silent_seconds > LOST_SECONDS:
        return WorkerState.LOST
    if drained:
        return WorkerState.DRAINING if runs else WorkerState.DRAINED
    return WorkerState.READY


def place(
    candidates: Iterable[Candidate], waiting: Sequence[Waiting], observer: str = ""
) -> dict[uuid.UUID, str]:
    """Which worker takes which job, as one of the workers (`observer`) sees it; jobs oldest first.

    A job goes to the worker with most room. One that has waited long enough for that worker goes to the
    observer, if it fits there: a slow worker holds nobody up. A job that fits nowhere keeps one worker free
    of younger jobs until there is room, so that small jobs do not starve it; the other workers go on.
    """
    free = {candidate.name: candidate for candidate in candidates}
    placed: dict[uuid.UUID, str] = {}
    for job in waiting:
        if not free:
            break
        fitting = [c for c in free.values() if fits(job.nodes, c.capacity, c.load)]
        if not fitting:
            del free[max((_suits(c, job.nodes), c.name) for c in free.values())[1]]
            continue
        chosen = free[max((room(c.capacity, c.load), c.name) for c in fitting)[1]]
        if job.age_seconds > PATIENCE_SECONDS:
            chosen = next((c for c in fitting if c.name == observer), chosen)
        placed[job.job_id] = chosen.name
        load = chosen.load + weight(job.nodes, chosen.capacity)
        free[chosen.name] = msgspec.structs.replace(chosen, load=load)
    return placed


def _suits(candidate: Candidate, nodes: int) -> tuple[bool, int]:
    """How well a worker suits a job that has to wait: it can work on all nodes at once, then most room."""
    return candidate.capacity.forks >= nodes, room(candidate.capacity, candidate.load)
