"""The bounded window on a log, and the lines in it."""

from __future__ import annotations

import itertools

import msgspec
import pytest

from tests.standins.provisioner_bodies import EVENT
from tui import wire
from tui.log_lines import LogFilter, LogLine, log_line
from tui.log_window import MOST_LINES, LogWindow


def lines(first: int, last: int, **values: str) -> list[LogLine]:
    return [
        LogLine(
            **{"kind": "message", "host": "", "phase": "", "text": "", **values}, sequence=number, said_at=0
        )
        for number in range(first, last + 1)
    ]


def numbers(window: LogWindow) -> list[int]:
    return [line.sequence for line in window.lines]


def event(kind: str, **values: object) -> wire.Event:
    return msgspec.convert({**EVENT, "sequence": 7, "kind": kind, **values}, wire.Event)


def test_it_keeps_the_newest_lines_in_order_while_it_follows():
    window = LogWindow()
    for first in range(1, 3 * MOST_LINES, 500):
        window.add(lines(first, first + 499), following=True)

    assert numbers(window) == list(range(window.lines[0].sequence, 3 * MOST_LINES + 1))
    assert MOST_LINES <= len(window.lines) <= 1.2 * MOST_LINES
    assert not window.at_start


def test_what_one_reads_stays_when_it_is_full_and_following_again_is_at_the_end():
    window = LogWindow(lines(1, MOST_LINES - 10))
    window.add(lines(MOST_LINES - 9, MOST_LINES + 100), following=False)
    window.add(lines(MOST_LINES + 101, MOST_LINES + 200), following=False)

    assert numbers(window) == list(range(1, MOST_LINES - 9))
    assert not window.attached
    assert window.rewind()
    assert numbers(window) == list(range(MOST_LINES - 9, MOST_LINES + 201))
    assert window.attached


def test_it_is_whole_again_once_later_pages_meet_the_newest_lines():
    window = LogWindow(lines(1, 10))
    window.replace(lines(1, 4), at_start=True, at_end=False)
    window.add(lines(11, 12), following=False)
    window.add_after(lines(5, 7), at_end=False)

    assert numbers(window) == list(range(1, 13))
    assert window.attached


def test_earlier_pages_push_out_what_is_below():
    window = LogWindow(lines(MOST_LINES + 1, 2 * MOST_LINES), at_start=False)
    window.add_before(lines(MOST_LINES - 499, MOST_LINES), at_start=False)

    assert numbers(window) == list(range(MOST_LINES - 499, 2 * MOST_LINES - 499))
    assert not window.attached


def test_lines_that_come_while_the_server_is_asked_are_not_lost():
    window = LogWindow(lines(5, 9))
    window.replace(lines(1, 7), at_start=True, at_end=True)

    assert numbers(window) == list(range(1, 10))


@pytest.mark.parametrize(
    ("wanted", "kept"),
    [
        (LogFilter(), True),
        (LogFilter(host="w1", phase="cni", show="failed", search="swap"), True),
        (LogFilter(host="w"), False),
        (LogFilter(phase="etcd"), False),
        (LogFilter(show="changed"), False),
        (LogFilter(search="w1"), False),  # a search looks at tasks and messages, as the server does
    ],
)
def test_a_filter_leaves_what_the_server_would_leave(wanted: LogFilter, kept: bool):
    line = log_line(event("host_failed", host="w1", phase="cni", task="Check", message="Swap is on"))

    assert line is not None
    assert wanted.matches(line) is kept


def test_every_state_in_a_line_is_a_word():
    told = {
        kind: log_line(event(kind, host="w1", task="Check", data={"status": "failed"}))
        for kind in (
            "host_ok",
            "host_changed",
            "host_skipped",
            "host_failed",
            "host_unreachable",
            "job_finished",
        )
    }
    words = ("ok", "changed", "skipped", "✗ FAILED", "✗ LOST", "failed")

    assert all(line is not None for line in told.values())
    assert [word in line.text for word, line in zip(words, told.values(), strict=True) if line] == [True] * 6


def test_texts_from_nodes_are_one_line_without_controls():
    line = log_line(
        event("host_ok", host="w\x001", task="a\nb", message="\x1b[2Jred\x1b]0;x\x07 \udcff\u202e")
    )

    assert line is not None
    assert line.text.split()[1:] == ["w1", "ok", "a", "b", "red"]


def test_nothing_is_said_by_events_that_only_count():
    assert list(itertools.chain(filter(None, map(log_line, [event("task_started"), event("recap")])))) == []
