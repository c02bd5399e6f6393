"""Events on disk before they are in the database."""

from __future__ import annotations

from datetime import UTC, datetime
from threading import Thread

from engine.domain.events import EventKind, RunEvent
from engine.processes import spool


def event(message: str, kind: EventKind = EventKind.MESSAGE) -> RunEvent:
    return RunEvent(kind=kind, created_at=datetime.now(UTC), message=message)


def drained(log: spool.Spool, most: int = 500) -> list[RunEvent]:
    found = []
    while batch := log.batch(most):
        found += batch
        log.taken()
    return found


def test_numbers_have_no_gap_whoever_records(tmp_path):
    """Threads included."""
    path = tmp_path / "spool" / "run.jsonl"
    log = spool.Spool(path, attempt=3)
    threads = [
        Thread(target=lambda: [log.record(event(str(number))) for number in range(300)]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.close()

    batches = list(spool.read(path, batch=500))

    assert [len(batch) for batch in batches] == [500, 500, 200]
    assert [found.sequence for batch in batches for found in batch] == list(range(1, 1201))
    assert {found.attempt for batch in batches for found in batch} == {3}
    assert path.stat().st_mode & 0o777 == 0o600
    assert [found.name for found in path.parent.iterdir()] == ["run.jsonl"]  # nothing else is left


def test_a_line_cut_short_by_a_kill_is_ignored(tmp_path):
    """Everything before it counts."""
    path = tmp_path / "run.jsonl"
    log = spool.Spool(path, attempt=1)
    log.record(event("whole"))
    log.close()
    with path.open("ab") as file:
        file.write(b'{"kind":"mess')

    assert [found.message for batch in spool.read(path) for found in batch] == ["whole"]


def test_events_are_taken_in_order_while_more_are_written(tmp_path):
    """Also when one is bigger than what is read at once."""
    log = spool.Spool(tmp_path / "run.jsonl", attempt=1)
    found = []
    for number in range(40):
        log.record(event("x" * (2 * spool.MEGABYTE if number == 20 else 10)))
        if number % 7 == 0:
            found += drained(log, most=3)
    assert log.waiting == 40 - len(found)
    found += drained(log)
    log.close()

    assert [one.sequence for one in found] == list(range(1, 41))
    assert len(found[20].message) == 2 * spool.MEGABYTE


def test_a_batch_is_the_same_until_it_was_taken(tmp_path):
    """What the database did not confirm is sent again; also what it had confirmed, when it lost it."""
    log = spool.Spool(tmp_path / "run.jsonl", attempt=1)
    for number in range(5):
        log.record(event(str(number)))

    assert [one.sequence for one in log.batch(3)] == [1, 2, 3]
    assert [one.sequence for one in log.batch(2)] == [1, 2]
    log.taken()
    assert [one.sequence for one in log.batch(2)] == [3, 4]
    log.rewind()
    assert log.waiting == 5
    assert [one.sequence for one in drained(log)] == [1, 2, 3, 4, 5]
    assert log.waiting == 0


def test_a_spool_that_the_database_has_whole_is_emptied(tmp_path):
    """So its size is what waits, however long the run."""
    path = tmp_path / "run.jsonl"
    log = spool.Spool(path, attempt=1)
    for _ in range(3):
        for _ in range(20):
            log.record(event("x" * 100_000))
        assert len(drained(log)) == 20
        assert path.stat().st_size == 0
    log.record(event("last"))

    assert [one.sequence for one in drained(log)] == [61]


def test_a_spool_at_its_bound_says_so_and_still_takes_what_matters(tmp_path):
    """Numbers have no gap; what was left out is counted."""
    log = spool.Spool(tmp_path / "run.jsonl", attempt=1, limit=1)
    assert log.record(event("a"))
    assert not log.record(event("b", EventKind.HOST_OK))
    assert log.record(event("c", EventKind.HOST_FAILED))

    assert "EVENT_SPOOL_MEGABYTES" in log.full
    assert log.left_out == 1
    assert [one.message for one in drained(log)] == ["a", "c"]
    assert [log.number(event("end")).sequence] == [3]


def test_bytes_that_are_no_text_are_written_visibly(tmp_path):
    """Whatever a receiver before this one let through."""
    log = spool.Spool(tmp_path / "run.jsonl", attempt=1)
    assert log.record(event("caf\udce9"))

    assert [one.message for one in drained(log)] == ["caf\\xe9"]


def test_no_spool_is_no_events(tmp_path):
    """A supervisor may die before its first event."""
    assert list(spool.read(tmp_path / "absent")) == []
