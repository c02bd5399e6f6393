"""Events on disk before they are in the database."""

from __future__ import annotations

from datetime import UTC, datetime
from threading import Thread

from engine.domain.events import EventKind, RunEvent
from engine.processes import spool


def event(message: str, kind: EventKind = EventKind.MESSAGE) -> RunEvent:
    return RunEvent(kind=kind, created_at=datetime.now(UTC), message=message)


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


def test_a_line_cut_short_by_a_kill_is_ignored(tmp_path):
    """Everything before it counts."""
    path = tmp_path / "run.jsonl"
    log = spool.Spool(path, attempt=1)
    log.record(event("whole"))
    log.close()
    with path.open("ab") as file:
        file.write(b'{"kind":"mess')

    assert [found.message for batch in spool.read(path) for found in batch] == ["whole"]


def test_a_full_spool_leaves_out_what_is_routine(tmp_path, monkeypatch):
    """Failures still get through, and numbers still have no gap."""
    monkeypatch.setattr(spool, "LIMIT_BYTES", 10)
    log = spool.Spool(tmp_path / "run.jsonl", attempt=1)
    first = log.record(event("a"))
    left_out = log.record(event("b"))
    failure = log.record(event("c", EventKind.HOST_FAILED))
    log.close()

    assert (first.sequence, left_out, failure.sequence) == (1, None, 2)
    assert log.left_out == 1


def test_no_spool_is_no_events(tmp_path):
    """A supervisor may die before its first event."""
    assert list(spool.read(tmp_path / "absent")) == []
