"""When a job will be through."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from engine.domain import estimates
from engine.domain.estimates import Basis, Expectation, PastRun, PhaseTimes
from engine.domain.statuses import PhaseStatus

NOW = datetime(2026, 1, 29, 10, 0, tzinfo=UTC)
EXPECTED = Expectation(
    phases={"prepare": 60.0, "join": 30.0, "verify": 10.0}, startup=5.0, basis=Basis.CLUSTER, runs=3
)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def run(same_cluster: bool = True, nodes: int = 3, startup: float = 0.0, **phases: float) -> PastRun:
    return PastRun(same_cluster=same_cluster, nodes=nodes, phases=phases, startup=startup)


def times(**statuses: tuple[PhaseStatus, float | None]) -> list[PhaseTimes]:
    return [
        PhaseTimes(slug=slug, status=status, started_at=None if began is None else ago(began))
        for slug, (status, began) in statuses.items()
    ]


def estimated(phases: list[PhaseTimes], began: float, expected: Expectation = EXPECTED):
    return estimates.estimate(phases, expected, started_at=ago(began), now=NOW)


def test_the_median_of_the_clusters_own_runs_is_expected():
    past = [run(prepare=10), run(prepare=500), run(prepare=20), run(same_cluster=False, prepare=1000)]

    found = estimates.expectation(["prepare"], 3, past)

    assert found == Expectation(phases={"prepare": 20}, startup=0.0, basis=Basis.CLUSTER, runs=3)


def test_a_new_cluster_is_compared_with_clusters_of_its_size_first():
    past = [run(False, 50, prepare=900), run(False, 3, prepare=40)]

    assert estimates.expectation(["prepare"], 3, past).phases == {"prepare": 40}
    assert estimates.expectation(["prepare"], 3, past).basis is Basis.NODE_COUNT
    assert estimates.expectation(["prepare"], 7, past).phases == {"prepare": 470}
    assert estimates.expectation(["prepare"], 7, past).basis is Basis.JOB_TYPE


def test_the_weakest_ground_is_named_when_phases_rest_on_different_runs():
    past = [run(join=5), run(False, 3, prepare=40, join=50)]

    found = estimates.expectation(["prepare", "join"], 3, past)

    assert (found.phases, found.basis, found.runs) == ({"prepare": 40, "join": 5}, Basis.NODE_COUNT, 2)


def test_only_the_last_runs_count():
    past = [run(prepare=10)] * 5 + [run(prepare=1000)] * 50

    assert estimates.expectation(["prepare"], 3, past).phases == {"prepare": 10}


def test_nothing_is_expected_without_a_run_that_tells():
    assert estimates.expectation(["prepare"], 3, []) is None
    assert estimates.expectation(["prepare"], 3, [run(other=1)]) is None


def test_what_is_left_is_the_rest_of_this_phase_and_the_phases_after():
    phases = times(
        prepare=(PhaseStatus.SUCCEEDED, 100),
        join=(PhaseStatus.RUNNING, 10),
        verify=(PhaseStatus.PENDING, None),
    )

    found = estimated(phases, 105)

    assert found.seconds_left == pytest.approx(30)
    assert found.finish_at == NOW + timedelta(seconds=30)
    assert found.progress == 70


def test_before_the_first_phase_the_start_is_expected_too():
    phases = times(prepare=(PhaseStatus.PENDING, None), join=(PhaseStatus.SKIPPED, None))

    assert estimated(phases, 2).seconds_left == pytest.approx(63)


@pytest.mark.parametrize("elapsed", [0, 30, 59, 60, 61, 90, 600, 86_400])
def test_an_overdue_phase_moves_the_end_on_and_never_before_now(elapsed: float):
    phases = times(
        prepare=(PhaseStatus.SUCCEEDED, 0),
        join=(PhaseStatus.SUCCEEDED, 0),
        verify=(PhaseStatus.RUNNING, elapsed),
    )
    later = times(
        prepare=(PhaseStatus.SUCCEEDED, 0),
        join=(PhaseStatus.SUCCEEDED, 0),
        verify=(PhaseStatus.RUNNING, elapsed + 1),
    )

    found, after = estimated(phases, elapsed), estimated(later, elapsed + 1)

    assert found.seconds_left > 0 or elapsed == 0
    assert found.finish_at >= NOW
    assert found.progress <= 99
    if elapsed > EXPECTED.phases["verify"]:
        assert after.seconds_left > found.seconds_left


def test_a_phase_that_nobody_knows_leaves_the_end_unknown():
    phases = times(prepare=(PhaseStatus.RUNNING, 1), new=(PhaseStatus.PENDING, None))

    assert estimated(phases, 2) is None


def test_clocks_that_differ_do_not_make_it_negative():
    phases = times(prepare=(PhaseStatus.RUNNING, -30))

    assert estimated(phases, -40).seconds_left == 60
    assert estimated(phases, -40).progress == 0


def test_a_job_whose_phases_are_all_over_has_nothing_left():
    phases = times(prepare=(PhaseStatus.SUCCEEDED, 9), join=(PhaseStatus.FAILED, 5))

    assert estimated(phases, 10).seconds_left == 0
