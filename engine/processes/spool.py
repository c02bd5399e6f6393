"""A run's events on disk before they are in the database: what a dead supervisor had seen is not lost.

One JSON event per line. A line cut short by a kill is the last one, and is ignored.
"""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import msgspec

from engine import content
from engine.domain.events import EventKind, RunEvent

LIMIT_BYTES = 256 * 1024 * 1024
_ROUTINE = frozenset({EventKind.HOST_OK, EventKind.HOST_SKIPPED, EventKind.TASK_STARTED, EventKind.MESSAGE})


def path_of(job_id: uuid.UUID) -> Path:
    """Where the events of a job are spooled."""
    return content.home() / "spool" / f"{job_id}.jsonl"


class Spool:
    """Numbers the events of one run and writes them down; any thread may."""

    def __init__(self, path: Path, attempt: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._file = os.fdopen(descriptor, "ab", buffering=0)
        self._path = path
        self._attempt = attempt
        self._lock = threading.Lock()
        self._last = 0
        self._size = 0
        self.left_out = 0  # routine events that came when the spool was full

    def record(self, event: RunEvent) -> RunEvent | None:
        """The event with its number, written; None when the spool is full and the event is routine."""
        with self._lock:
            if self._size > LIMIT_BYTES and event.kind in _ROUTINE:
                self.left_out += 1
                return None
            numbered = self._number(event)
            line = msgspec.json.encode(numbered) + b"\n"
            self._file.write(line)
            self._size += len(line)
            return numbered

    def number(self, event: RunEvent) -> RunEvent:
        """The event with its number, not written: the last one, which is true only once the run has ended."""
        with self._lock:
            return self._number(event)

    def remove(self) -> None:
        """Everything is in the database."""
        self._file.close()
        self._path.unlink(missing_ok=True)

    def close(self) -> None:
        """Leave the file for whoever drains it."""
        self._file.close()

    def _number(self, event: RunEvent) -> RunEvent:
        self._last += 1
        return msgspec.structs.replace(event, sequence=self._last, attempt=self._attempt)


def read(path: Path, *, batch: int = 500) -> Iterator[list[RunEvent]]:
    """Batches of the events in a spool, in order; none when there is no spool."""
    decoder = msgspec.json.Decoder(RunEvent)
    found: list[RunEvent] = []
    if not path.exists():
        return
    with path.open("rb") as file:
        for line in file:
            if not line.endswith(b"\n"):
                break
            found.append(decoder.decode(line))
            if len(found) == batch:
                yield found
                found = []
    if found:
        yield found
