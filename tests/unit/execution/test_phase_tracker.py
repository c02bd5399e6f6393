from engine.domain.statuses import PhaseStatus
from engine.execution.phase_tracker import Failure, PhaseTracker
from engine.execution.plan import Phase

FIRST = Phase("first", "First", "all")
SECOND = Phase("second", "Second", "workers")
THIRD = Phase("third", "Third", "leaders")  # a group that exists only at run time
HOSTS = {"all": ["a", "b"], "workers": ["b"]}


def tracker() -> PhaseTracker:
    return PhaseTracker([FIRST, SECOND, THIRD], HOSTS.get)


def fail(on: PhaseTracker, host: str, *, unreachable: bool = False) -> None:
    on.failed(Failure(host=host, phase=on.current, task="T", message="why", unreachable=unreachable))


def stats(**counts: dict[str, int]) -> dict[str, dict[str, int]]:
    return {"ok": {"a": 1, "b": 1}, "failures": {}, "dark": {}} | counts


def test_a_phase_succeeds_when_every_host_ended_it() -> None:
    it = tracker()
    it.play_started("First")
    it.result("a", "ok")
    it.result("b", "changed")
    it.play_started("Second")
    it.stats(stats())
    assert it.status == {
        "first": PhaseStatus.SUCCEEDED,
        "second": PhaseStatus.SUCCEEDED,
        "third": PhaseStatus.PENDING,
    }


def test_a_host_lost_in_one_phase_keeps_later_ones_from_success_only_where_it_is_targeted() -> None:
    it = tracker()
    it.play_started("First")
    fail(it, "a")
    it.play_started("Second")
    it.result("b", "ok")
    it.stats(stats(failures={"a": 1}))
    assert it.status["first"] is PhaseStatus.FAILED
    assert it.status["second"] is PhaseStatus.SUCCEEDED


def test_the_batches_of_a_serial_play_are_one_phase() -> None:
    it = tracker()
    begun = it.play_started("First")
    it.result("a", "ok")
    assert it.play_started("First") == []
    it.result("b", "ok")
    ended = it.play_started("Second")

    assert [transition.status for transition in begun] == [PhaseStatus.RUNNING]
    assert [(each.phase, each.status) for each in ended] == [
        (FIRST, PhaseStatus.SUCCEEDED),
        (SECOND, PhaseStatus.RUNNING),
    ]


def test_a_failure_in_an_early_batch_fails_the_phase() -> None:
    it = tracker()
    it.play_started("First")
    fail(it, "a")
    it.play_started("First")
    it.result("b", "ok")
    it.stats(stats(failures={"a": 1}))

    assert it.status["first"] is PhaseStatus.FAILED


def test_a_rescued_host_is_not_lost() -> None:
    it = tracker()
    it.play_started("First")
    fail(it, "a")
    it.result("a", "ok")
    it.stats(stats(rescued={"a": 1}))
    assert it.status["first"] is PhaseStatus.SUCCEEDED


def test_what_looked_rescued_and_was_not_is_corrected_at_the_end() -> None:
    it = tracker()
    it.play_started("First")
    fail(it, "a")
    it.result("a", "ok")  # an `always` section
    it.play_started("Second")
    assert it.status["first"] is PhaseStatus.SUCCEEDED
    corrections = it.stats(stats(failures={"a": 1}))
    assert it.status["first"] is PhaseStatus.FAILED
    assert [(change.phase, change.status) for change in corrections][-1] == (FIRST, PhaseStatus.FAILED)


def test_ignored_unreachability_is_forgiven_at_the_end() -> None:
    it = tracker()
    it.play_started("First")
    fail(it, "a", unreachable=True)
    it.play_started("Second")
    it.result("b", "ok")
    it.stats(stats())
    assert it.status["first"] is PhaseStatus.SUCCEEDED


def test_a_serial_play_is_one_phase() -> None:
    it = tracker()
    assert len(it.play_started("First")) == 1
    assert it.play_started("First") == []


def test_no_host_to_work_on_is_skipped() -> None:
    it = tracker()
    it.play_started("Third")
    it.stats(stats())
    assert it.status["third"] is PhaseStatus.SKIPPED


def test_a_run_that_dies_leaves_its_phase_failed_and_later_ones_pending() -> None:
    it = tracker()
    it.play_started("First")
    it.finish(succeeded=False, reason="killed")
    assert list(it.status.values()) == [PhaseStatus.FAILED, PhaseStatus.PENDING, PhaseStatus.PENDING]


def test_a_failure_before_the_first_phase_fails_the_first_phase() -> None:
    it = tracker()
    it.play_started("Discover")
    fail(it, "a", unreachable=True)
    transitions = it.finish(succeeded=False, reason="a: why")
    assert [change.status for change in transitions] == [PhaseStatus.RUNNING, PhaseStatus.FAILED]
    assert it.status["first"] is PhaseStatus.FAILED


def test_without_statistics_results_are_counted_here() -> None:
    it = tracker()
    it.play_started("First")
    it.result("a", "changed")
    it.result("a", "skipped")
    fail(it, "b", unreachable=True)
    recap = it.recap()
    assert (recap["a"].ok, recap["a"].changed, recap["a"].skipped, recap["b"].unreachable) == (1, 1, 1, 1)
