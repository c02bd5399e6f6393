"""What happened on each host, counted from events."""

from __future__ import annotations

from datetime import UTC, datetime

from engine.domain import recaps
from engine.domain.events import EventKind, RunEvent


def told(sequence: int, kind: EventKind, host: str | None = "w1", **values) -> RunEvent:
    return RunEvent(kind=kind, created_at=datetime.now(UTC), sequence=sequence, host=host, **values)


def test_results_are_counted_as_ansible_counts_them():
    found = recaps.tallies(
        [
            told(1, EventKind.HOST_OK, task="a", duration_seconds=1.5, phase="prepare"),
            told(2, EventKind.HOST_CHANGED, task="b", duration_seconds=2.0),
            told(3, EventKind.HOST_OK, data={"ignored": True}),
            told(4, EventKind.HOST_SKIPPED, task="c"),
            told(5, EventKind.TASK_STARTED, None, task="d"),
            told(6, EventKind.HOST_OK, "localhost"),
            told(7, EventKind.HOST_UNREACHABLE, "w2", message="no answer"),
        ]
    )

    first = found["w1"]
    assert list(found) == ["w1", "w2"]
    assert (first.ok, first.changed, first.ignored, first.skipped, first.failed) == (3, 1, 1, 1, 0)
    assert (first.duration_seconds, first.task, first.phase, first.last_sequence) == (3.5, "c", "prepare", 4)
    assert (found["w2"].unreachable, found["w2"].lost, found["w2"].failure) == (1, "unreachable", "no answer")


def test_the_first_failure_stays_until_the_host_answers_again():
    failed = [
        told(1, EventKind.HOST_FAILED, task="a", message="first"),
        told(2, EventKind.HOST_FAILED, task="b", message="second"),
    ]
    rescued = [*failed, told(3, EventKind.HOST_OK)]
    again = [*rescued, told(4, EventKind.HOST_FAILED, task="c", message="third")]

    assert recaps.tallies(failed)["w1"].failure == "first"
    assert recaps.tallies(rescued)["w1"].lost is None
    assert (recaps.tallies(again)["w1"].failure, recaps.tallies(again)["w1"].failed_task) == ("third", "c")


def test_the_recap_of_a_run_is_a_table_and_ansible_has_the_last_word():
    recap = recaps.RunRecap()
    hosts = {"c1": {"ok": 9, "changed": 2}, "w1": {"failed": 1}, "w2": {"ok": 3, "rescued": 1}}
    for event in (
        told(1, EventKind.HOST_CHANGED, "c1", task="Write", duration_seconds=61.5),
        told(2, EventKind.HOST_FAILED, "w1", task="Join", message="no answer from the API"),
        told(3, EventKind.HOST_FAILED, "w2", task="Try", message="rescued"),
        told(
            4,
            EventKind.RECAP,
            None,
            data={"hosts": hosts},
        ),
    ):
        recap.observe(event)

    assert recap.lines(["w9", "c1"]) == [
        "HOST  STATUS       OK  CHANGED  FAILED  UNREACHABLE  SKIPPED  RESCUED  IGNORED  SECONDS",
        "w9    pending       0        0       0            0        0        0        0      0.0",
        "c1    changed       9        2       0            0        0        0        0     61.5",
        "w1    failed        0        0       1            0        0        0        0      0.0",
        "w2    ok            3        0       0            0        0        1        0      0.0",
        'w1: "Join": no answer from the API',
    ]
    assert recaps.RunRecap().lines() == []
