"""Which worker takes which job, and what a run weighs."""

from __future__ import annotations

import uuid

import pytest

from engine.domain import capacity
from engine.domain.capacity import Candidate, Capacity, Load, Waiting, WorkerState


def offers(forks: int = 8, memory_mb: int = 100_000, runs: int | None = None) -> Capacity:
    return Capacity(forks=forks, memory_mb=memory_mb, runs=runs)


def worker(name: str, capable: Capacity, *nodes: int) -> Candidate:
    """A worker with a run on each of these numbers of nodes."""
    load = Load()
    for count in nodes:
        load += capacity.weight(count, capable)
    return Candidate(name=name, capacity=capable, load=load)


def jobs(*nodes: int, age: float = 0.0) -> list[Waiting]:
    return [Waiting(job_id=uuid.uuid4(), nodes=count, age_seconds=age) for count in nodes]


def placed(workers: list[Candidate], waiting: list[Waiting], observer: str = "") -> list[str | None]:
    found = capacity.place(workers, waiting, observer)
    return [found.get(job.job_id) for job in waiting]


@pytest.mark.parametrize(
    ("processors", "memory_mb", "forks", "left"),
    [(2, 24_105, 8, 22_057), (64, 8192, 61, 6144), (1, 512, 1, 250)],
)
def test_a_machine_offers_forks_by_processors_and_by_memory(
    processors: int, memory_mb: int, forks: int, left: int
) -> None:
    found = capacity.of_machine(processors, memory_mb)

    assert (found.forks, found.memory_mb, found.runs) == (forks, left, None)


def test_a_run_weighs_a_fork_per_node_and_its_memory() -> None:
    assert capacity.weight(3, offers()) == Load(
        forks=3, memory_mb=capacity.RUN_MEGABYTES + 3 * capacity.FORK_MEGABYTES, runs=1
    )
    assert capacity.weight(100, offers(forks=8)).forks == 8


@pytest.mark.parametrize(
    ("capable", "running", "nodes", "fits"),
    [
        (offers(forks=4), [], 100, True),  # an empty worker takes anything
        (offers(memory_mb=1), [], 1, True),
        (offers(forks=4), [2], 2, True),
        (offers(forks=4), [2], 3, False),
        (offers(runs=1), [1], 1, False),
        (offers(memory_mb=2 * (capacity.RUN_MEGABYTES + capacity.FORK_MEGABYTES)), [1], 1, True),
        (offers(memory_mb=2 * (capacity.RUN_MEGABYTES + capacity.FORK_MEGABYTES) - 1), [1], 1, False),
    ],
)
def test_a_worker_takes_what_fits(capable: Capacity, running: list[int], nodes: int, fits: bool) -> None:
    assert capacity.fits(nodes, capable, worker("a", capable, *running).load) is fits


def test_jobs_spread_over_workers_by_room() -> None:
    empty = [worker("a", offers(4)), worker("b", offers(4)), worker("c", offers(4))]

    assert sorted(str(name) for name in placed(empty, jobs(2, 2, 2, 2, 2, 2))) == [*"aabbcc"]
    assert placed([worker("a", offers(4), 2), worker("b", offers(4))], jobs(1)) == ["b"]


def test_a_job_that_waited_for_the_emptier_worker_is_taken_by_whoever_looks() -> None:
    both = [worker("busy", offers(8), 2), worker("slow", offers(8))]

    assert placed(both, jobs(2), "busy") == ["slow"]
    assert placed(both, jobs(2, age=capacity.PATIENCE_SECONDS + 0.1), "busy") == ["busy"]


def test_a_big_job_keeps_one_worker_free_of_younger_ones_and_only_one() -> None:
    workers = [worker("a", offers(8), 4), worker("b", offers(8), 6)]

    assert placed(workers, jobs(8, 1, 1, 1, age=60.0), "a") == [None, "b", "b", None]


def test_a_big_job_waits_for_a_worker_that_can_work_on_all_its_nodes() -> None:
    workers = [worker("big", offers(8), 7), worker("small", offers(4), 1)]

    assert placed(workers, jobs(8, 1)) == [None, "small"]


def test_a_worker_kept_free_takes_the_big_job_once_it_fits() -> None:
    assert placed([worker("a", offers(8)), worker("b", offers(8), 6)], jobs(8, 1)) == ["a", "b"]


@pytest.mark.parametrize(
    ("drained", "stopped", "silent", "runs", "state"),
    [
        (False, False, 0.0, 3, WorkerState.READY),
        (True, False, 0.0, 3, WorkerState.DRAINING),
        (True, False, 0.0, 0, WorkerState.DRAINED),
        (True, False, capacity.LOST_SECONDS + 1, 0, WorkerState.LOST),
        (False, True, 0.0, 1, WorkerState.STOPPED),
    ],
)
def test_a_state_is_derived(
    drained: bool, stopped: bool, silent: float, runs: int, state: WorkerState
) -> None:
    assert capacity.state(drained=drained, stopped=stopped, silent_seconds=silent, runs=runs) is state
