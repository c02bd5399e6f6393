"""Text behind a job, read in full: one event with all its data, and the whole log as the server writes it."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from array import array
from collections.abc import AsyncIterator, Iterable, Sequence
from pathlib import Path
from typing import IO, ClassVar, override

import msgspec
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from tui import errors, text, wire
from tui.client import Client
from tui.log_lines import LogFilter, LogLine
from tui.screens.dialogs import AskPath
from tui.screens.log_screen import LogScreen, LogSource
from tui.widgets.event_log import EventLog

_PAGE = 1_000
_FIRST = ("stdout", "stderr", "msg", "diff")  # what one looks for first in a result


class TextSource:
    """Lines of text in a file without a name: as long as it likes, in memory only where it is looked at."""

    def __init__(self, log: EventLog) -> None:
        self.log = log
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  closed with the screen
        self._ends = array("Q")  # where each line ends

    def __len__(self) -> int:
        return len(self._ends)

    def close(self) -> None:
        """Gives up the file."""
        self._file.close()

    def write(self, piece: bytes) -> None:
        """Takes the next piece, wherever it was cut."""
        start = self._file.seek(0, os.SEEK_END)
        self._file.write(piece)
        at = piece.find(b"\n")
        while at >= 0:
            self._ends.append(start + at + 1)
            at = piece.find(b"\n", at + 1)

    def finish(self) -> None:
        """A last line without an end is one, too."""
        size = self._file.seek(0, os.SEEK_END)
        if size > (self._ends[-1] if self._ends else 0):
            self._ends.append(size)

    def show_end(self) -> None:
        """The last lines."""
        first = max(0, len(self) - _PAGE)
        self.log.replace(self._lines(first, len(self)), at_start=first == 0, at_end=True)

    def show_start(self) -> None:
        """The first lines."""
        last = min(len(self), _PAGE)
        self.log.replace(self._lines(0, last), at_start=True, at_end=last == len(self))
        self.log.go_to(1)

    async def earlier(self) -> None:
        """The page before."""
        lines = self.log.window.lines
        if lines and not self.log.window.at_start:
            end = lines[0].sequence - 1
            first = max(0, end - _PAGE)
            self.log.add_before(self._lines(first, end), at_start=first == 0)

    async def later(self) -> None:
        """The page behind."""
        first = self.log.window.last_sequence
        last = min(len(self), first + _PAGE)
        self.log.add_after(self._lines(first, last), at_end=last == len(self))

    async def seek(self, wanted: LogFilter, *, forward: bool) -> tuple[LogLine | None, bool]:
        """The next line that says it."""
        here = self.log.current
        at = here.sequence - 1 if here is not None else 0
        found, went_round = await asyncio.to_thread(self._find, wanted.search.lower(), at, forward)
        if found is None:
            return None, went_round
        window = self.log.window
        index = window.index(found + 1)
        if index >= len(window.lines) or window.lines[index].sequence != found + 1:
            first, last = max(0, found - _PAGE // 2), min(len(self), found + _PAGE // 2)
            self.log.replace(self._lines(first, last), at_start=first == 0, at_end=last == len(self))
        self.log.go_to(found + 1)
        return self._lines(found, found + 1)[0], went_round

    def copy(self, target: IO[bytes]) -> None:
        """All of it into another file."""
        self._file.seek(0)
        shutil.copyfileobj(self._file, target)

    def _find(self, folded: str, at: int, forward: bool) -> tuple[int | None, bool]:
        """A scan, in a thread: over so many lines it takes a second."""
        count = len(self)
        order: Iterable[int] = range(1, count + 1) if forward else range(count - 1, -1, -1)
        for step in order:
            line = (at + step) % count
            if folded in self._text(line, line + 1)[0].lower():
                went_round = line <= at if forward else line >= at
                return line, went_round
        return None, True

    def _text(self, first: int, last: int) -> list[str]:
        start = self._ends[first - 1] if first else 0
        raw = os.pread(self._file.fileno(), self._ends[last - 1] - start, start) if last > first else b""
        return [text.clean(line).expandtabs() for line in raw.decode(errors="replace").split("\n")]

    def _lines(self, first: int, last: int) -> list[LogLine]:
        self._file.flush()
        found = self._text(first, last)[: last - first]
        return [
            LogLine(sequence=first + number, kind="", host="", phase="", text=line, said_at=0)
            for number, line in enumerate(found, start=1)
        ]


class _TextScreen(LogScreen):
    """A log of text and nothing else."""

    REFRESH_SECONDS: ClassVar[float] = 3600.0  # what is read whole does not change
    SEARCH_FORWARD: ClassVar[bool] = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f", "follow", "To the end", id="log.follow", show=False, tooltip="To the last line"),
        Binding("E", "export", "Export", id="text.export", tooltip="Save it to a file"),
        Binding("escape", "back", "Back", id="back"),
    ]

    HEADING: ClassVar[str]

    def __init__(self, client: Client, job_id: str) -> None:
        super().__init__(client)
        self._job_id = job_id
        self._log = EventLog()
        self._source = TextSource(self._log)
        self._whole = False

    def body(self) -> ComposeResult:
        """The text."""
        yield self._log

    @override
    def sources(self) -> list[LogSource]:
        """The one text."""
        return [self._source]

    def on_unmount(self) -> None:
        """Gives up the file."""
        self._source.close()

    @override
    def sought(self, shown: LogFilter, needle: str) -> LogFilter:
        """Text has no failures of its own; where it says so is as near as one gets."""
        return LogFilter(search=needle or "fail")

    @work(exclusive=True, group="export")
    async def action_export(self) -> None:
        """Asks where to, then copies file to file."""
        if not self._whole:
            self.say("It is still being read; try again when it is all here.", failed=True)
            return
        path = await self.app.push_screen_wait(
            AskPath(f"Save {self.HEADING}", f"./{self.HEADING.replace(' ', '-')}.txt")
        )
        if path is None:
            return
        try:
            target = await asyncio.to_thread(self._export, path)
        except OSError as refused:
            self.say(f"{path} was not written: {refused.strerror}.", failed=True)
        else:
            self.say(f"Saved as {target}.")

    def _export(self, path: str) -> Path:
        target = Path(path).expanduser().absolute()
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            self._source.copy(file)
        return target


class JobLogScreen(_TextScreen):
    """The whole log as text, kept in a file while it is looked at."""

    HEADING: ClassVar[str] = "job log"

    async def fetch(self) -> None:
        """Reads it once, showing the first page as soon as it is there."""
        if self._whole:
            return
        async with self.client.job_log(self._job_id) as pieces:
            await self._take(pieces)
        self._source.finish()
        self._whole = True

    async def _take(self, pieces: AsyncIterator[bytes]) -> None:
        told = 0
        async for piece in pieces:
            self._source.write(piece)
            if len(self._source) >= told + 10 * _PAGE:
                told = len(self._source)
                self.crumbs(f"‹ jobs ‹ log · reading, {told:,} lines so far")

    def draw(self) -> None:
        """Its end: what came last is what one looks for."""
        self.crumbs(f"‹ jobs ‹ log · {len(self._source):,} lines")
        if not self._log.kept:
            self._source.show_end()


class JobEventScreen(_TextScreen):
    """One event with everything the server keeps of it."""

    HEADING: ClassVar[str] = "job event"

    def __init__(self, client: Client, job_id: str, sequence: int) -> None:
        super().__init__(client, job_id)
        self._sequence = sequence
        self.event: wire.Event | None = None
        self._log.wrap = True

    def subject(self) -> wire.Event | None:
        """The event, for reading it as YAML."""
        return self.event

    async def fetch(self) -> None:
        """Reads it again: the log keeps its line only."""
        page = await self.client.event_page(self._job_id, after=self._sequence - 1, limit=1)
        if not page.data or page.data[0].sequence != self._sequence:
            raise errors.NotThere(f"Event {self._sequence} is not kept any more.")
        if self.event is None:
            self.event = page.data[0]
            self._source.write("\n".join(event_text(self.event)).encode(errors="replace"))
            self._source.finish()
            self._whole = True

    def draw(self) -> None:
        """Who, when, and all that was said."""
        if self.event is not None and not self._log.kept:
            where = " · ".join(filter(None, (self.event.host, self.event.task)))
            self.crumbs(f"‹ jobs ‹ event {self._sequence} · {where}")
            self._source.show_start()


def event_text(event: wire.Event) -> list[str]:
    """The event as lines: its parts by name, then what it carries."""
    took = "" if event.duration_seconds is None else f"{event.duration_seconds:.1f} s"
    parts = {
        "time": text.aware(event.created_at).astimezone().isoformat(sep=" ", timespec="milliseconds"),
        "kind": event.kind,
        "host": event.host,
        "task": event.task,
        "role": event.role,
        "phase": event.phase,
        "took": took,
        "attempt": str(event.attempt),
    }
    lines = [f"{name:<8} {text.one_line(value)}" for name, value in parts.items() if value]
    if event.message:
        lines += ["", "── message ──", *text.clean(event.message).split("\n")]
    result = event.data.get("result")
    told = dict(result) if isinstance(result, dict) else {}
    rest = {name: value for name, value in event.data.items() if name != "result" or not told}
    for name in (*_FIRST, *sorted({*told, *rest} - {*_FIRST})):
        value = told.get(name, rest.get(name))
        if value not in (None, "", [], {}) and not (name == "stdout_lines" and told.get("stdout")):
            lines += ["", f"── {text.one_line(name)} ──", *_value(value)]
    return lines


def _value(value: object) -> Sequence[str]:
    if isinstance(value, str):
        return text.clean(value).split("\n")
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode().split("\n")
