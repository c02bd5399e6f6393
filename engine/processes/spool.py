"""A run's events on disk before they are in the database: the buffer between the two, in order, bounded.

One JSON event per line. What a dead supervisor had seen is not lost; a line cut short by a kill is the last
one, and is ignored.
"""

from __future__ import annotations

import contextlib
import errno
import os
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import msgspec

from engine import content
from engine.domain.events import EventKind, RunEvent
from engine.domain.visible_text import visible_value

MEGABYTE = 1024 * 1024
LIMIT_BYTES = 1024 * MEGABYTE  # of events that the database has not taken
#: Disk space held back, so that a run that is stopped because the disk is full can still tell how it ended.
RESERVE_BYTES = 256 * 1024
_CHUNK_BYTES = MEGABYTE  # read at once
_SHRINK_BYTES = MEGABYTE  # a spool of this size that the database has whole is emptied
_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT})
# Left out of a full spool while the run is being stopped; changes, failures and phases are still told.
_ROUTINE = frozenset({EventKind.HOST_OK, EventKind.HOST_SKIPPED, EventKind.TASK_STARTED})


def path_of(job_id: uuid.UUID) -> Path:
    """Where the events of a job are spooled."""
    return content.home() / "spool" / f"{job_id}.jsonl"


class Spool:
    """Numbers the events of one run and writes them down; any thread may. One reader takes them out again.

    A number is given only to what was written, so a full disk leaves no gap. `full` then says why the run
    has to stop, in words for the operator.
    """

    def __init__(self, path: Path, attempt: int, *, limit: int | None = None) -> None:
        self._path = path
        self._attempt = attempt
        self._limit = LIMIT_BYTES if limit is None else limit
        self._lock = threading.Lock()
        self._last = 0  # sequence written last
        self._end = 0  # bytes of whole lines
        self._start = 0  # offset of what was not taken yet
        self._given = (0, 0)  # bytes and events of the batch that was handed out
        self._taken = 0  # events
        self.full = ""
        self.left_out = 0  # events that came when nothing more could be written
        self._descriptor: int | None = None
        self._reserve: int | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            self._reserve = _reserved(path.parent)
        except OSError as error:
            self._fill(_in_words(error, path.parent))

    def record(self, event: RunEvent) -> bool:
        """Number an event and write it down; False when the spool is full and it was left out."""
        with self._lock:
            if not self.full and self._end - self._start > self._limit:
                self._fill(_limit_in_words(self._limit))
            if self.full and (
                event.kind in _ROUTINE or self._end - self._start > self._limit + RESERVE_BYTES
            ):
                self.left_out += 1
                return False
            line = _line(self._numbered(event))
            if not (self._written(line) or self._written(line)):  # the second time into what was held back
                self.left_out += 1
                return False
            self._last += 1
            return True

    def number(self, event: RunEvent) -> RunEvent:
        """The event with its number, not written: the last one, which is true only once the run has ended."""
        with self._lock:
            return self._numbered(event)

    @property
    def waiting(self) -> int:
        """How many events are written down and not taken."""
        return self._last - self._taken

    def batch(self, most: int) -> list[RunEvent]:
        """The next events that were not taken, in order; the same ones until `taken` is called."""
        with self._lock:
            start, end = self._start, self._end
        if self._descriptor is None or start == end:
            return []
        length = _CHUNK_BYTES
        while True:
            data = os.pread(self._descriptor, min(length, end - start), start)
            if b"\n" in data or len(data) < length:
                break
            length *= 2
        lines = data[: data.rfind(b"\n") + 1].splitlines(keepends=True)[:most]
        self._given = sum(map(len, lines)), len(lines)
        decoder = msgspec.json.Decoder(RunEvent)
        return [decoder.decode(line) for line in lines]

    def taken(self) -> None:
        """The batch handed out last is in the database. A spool that is there whole is emptied."""
        with self._lock:
            self._start += self._given[0]
            self._taken += self._given[1]
            self._given = 0, 0
            if self._start == self._end >= _SHRINK_BYTES and self._descriptor is not None:
                os.ftruncate(self._descriptor, 0)
                self._start = self._end = 0

    def rewind(self) -> None:
        """Hand out everything again that is still written down; the database leaves out what it has."""
        with self._lock:
            if self._descriptor is not None:
                behind = os.pread(self._descriptor, self._start, 0).count(b"\n")
                self._start, self._taken = 0, self._taken - behind

    def remove(self) -> None:
        """Everything is in the database."""
        self.close()
        self._path.unlink(missing_ok=True)

    def close(self) -> None:
        """Leave the file for whoever drains it."""
        self._release()
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _numbered(self, event: RunEvent) -> RunEvent:
        return msgspec.structs.replace(event, sequence=self._last + 1, attempt=self._attempt)

    def _written(self, line: bytes) -> bool:
        """Whether a whole line was written; what was written of half a one is taken back."""
        if self._descriptor is None:
            return False
        done = 0
        try:
            while done < len(line):
                done += os.write(self._descriptor, line[done:])
        except OSError as error:
            if done:
                os.ftruncate(self._descriptor, self._end)
            self._fill(_in_words(error, self._path.parent))
            return False
        self._end += len(line)
        return True

    def _fill(self, reason: str) -> None:
        self.full = self.full or reason
        self._release()

    def _release(self) -> None:
        if self._reserve is not None:
            os.close(self._reserve)
            self._reserve = None


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


def _reserved(directory: Path) -> int:
    """Disk space in a file without a name: it is free again when it is closed, whoever closes it."""
    name = directory / f".reserve-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, RESERVE_BYTES)
    except OSError as error:
        os.close(descriptor)
        if error.errno in _NO_SPACE:
            raise
        return os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)  # a filesystem that cannot; then without
    finally:
        with contextlib.suppress(OSError):
            name.unlink()
    return descriptor


def _line(event: RunEvent) -> bytes:
    try:
        return msgspec.json.encode(event) + b"\n"
    except UnicodeEncodeError:
        shown = msgspec.structs.replace(
            event,
            **{
                name: visible_value(getattr(event, name))
                for name in ("task", "role", "host", "message", "data")
            },
        )
        return msgspec.json.encode(shown) + b"\n"


def _in_words(error: OSError, directory: Path) -> str:
    if error.errno in _NO_SPACE:
        what = "is full" if error.errno == errno.ENOSPC else "has reached its quota"
        return (
            f"The disk that holds {directory} {what}, so the events of this run could not be kept and it was"
            " stopped. Free some space there, then retry: it resumes at the interrupted phase."
        )
    return (
        f"The events of this run could not be written to {directory} ({error.strerror}), so it was stopped."
        " Look after that disk, then retry: it resumes at the interrupted phase."
    )


def _limit_in_words(limit: int) -> str:
    return (
        f"The database took no events until {limit // MEGABYTE} MB of them were waiting"
        " (EVENT_SPOOL_MEGABYTES), so the run was stopped."
        " Look after the database, then retry: it resumes at the interrupted phase."
    )
