"""The command line's client reads event streams as the standard says."""

from engine.processes.api_client import _decode


def test_events_carry_their_sequence_and_comments_are_passed_over():
    lines = [
        "retry: 2000",
        "",
        ": ping",
        "",
        "id: 7",
        "event: task_started",
        'data: {"kind": "task_started"}',
        "",
    ]

    assert list(_decode(iter(lines))) == [(7, {"kind": "task_started"})]


def test_the_end_of_a_job_is_told_apart_from_a_broken_stream():
    assert list(_decode(iter(["event: end", "data: {}", ""]))) == [(0, None)]
    assert list(_decode(iter(["id: 3", "data: {"]))) == []
