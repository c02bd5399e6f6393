"""Fills a log on the screen from the server: its end, what is before and behind, and where something is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tui import wire
from tui.client import Client
from tui.job_events import History
from tui.log_lines import LogFilter, LogLine, log_line
from tui.widgets.event_log import EventLog

_FEW_LINES = 50  # fewer than this at the end of the log: read what is before it too
_AROUND = 250


class LogFeed:
    """One log of one job. Everything but `expired` raises ApiError."""

    def __init__(self, client: Client, job_id: str, log: EventLog) -> None:
        self.log = log
        self.expired = False  # the job's first events are not kept any more
        self._client = client
        self._job_id = job_id

    async def open(self) -> int:
        """The end of the log, as it is filtered. Returns the sequence from which a stream goes on."""
        window = self.log.window
        history = History(self._client, self._job_id, **self._query())
        lines = _lines(await history.open())
        while not history.at_start and len(lines) < _FEW_LINES:
            lines = _lines(await history.earlier()) + lines
        self.expired = history.expired
        if window is self.log.window:  # else somebody has chosen another filter in the meantime
            self.log.replace(lines, at_start=history.at_start, at_end=True)
        return history.last_sequence

    async def earlier(self) -> None:
        """What comes before the first line."""
        window = self.log.window
        if window.at_start or not window.lines:
            return
        first = window.lines[0].sequence
        history = History(self._client, self._job_id, before=first, **self._query())
        lines: list[LogLine] = []
        while not history.at_start and not lines:
            lines = _lines(await history.earlier())
        if window is self.log.window and window.lines and window.lines[0].sequence == first:
            self.log.add_before(lines, at_start=history.at_start)

    async def later(self) -> None:
        """What comes behind the last line of a window that does not reach the end."""
        window, after = self.log.window, self.log.window.last_sequence
        lines: list[LogLine] = []
        following: int | None = after
        while following is not None and not lines:
            page = await self._page(after=following, limit=History.PAGE, **self.log.filter.query())
            lines, following = _lines(page.data), page.next
        if window is self.log.window and not window.attached and window.last_sequence == after:
            self.log.add_after(lines, at_end=following is None)

    async def seek(self, wanted: LogFilter, *, forward: bool) -> tuple[LogLine | None, bool]:
        """Puts the cursor on the next line that is wanted, and goes on at the other end when there is none.

        Returns the line, None when there is none in the whole log, and whether it had to go round.
        """
        lines, window = self.log.window.lines, self.log.window
        here = self.log.current
        at = window.index(here.sequence) if here is not None else 0
        nearer = lines[at + 1 :] if forward else lines[:at][::-1]
        if found := _first(nearer, wanted):
            self.log.go_to(found.sequence)
            return found, False
        if not (window.attached if forward else window.at_start):
            edge = window.last_sequence if forward else lines[0].sequence
            if found := await self._ask(wanted, forward, edge):
                await self._show_around(found.sequence)
                return found, False
        if found := await self._ask(wanted, forward, None):
            await self._show_around(found.sequence)
        return found, True

    async def _ask(self, wanted: LogFilter, forward: bool, edge: int | None) -> LogLine | None:
        """The first line the server finds beyond the edge, or beyond an end of the log."""
        where: dict[str, Any]
        other_end = {"after": 0} if forward else {"tail": True}
        where = other_end if edge is None else {"after" if forward else "before": edge}
        while True:
            page = await self._page(**where, limit=1, **wanted.query())
            if lines := _lines(page.data):
                return lines[0]
            onward = page.next if forward else page.previous
            if onward is None:
                return None
            where = {"after": onward} if forward else {"before": onward}

    async def _show_around(self, sequence: int) -> None:
        window = self.log.window
        index = window.index(sequence)
        if index >= len(window.lines) or window.lines[index].sequence != sequence:
            query = self.log.filter.query()
            before = await self._page(before=sequence + 1, limit=_AROUND, **query)
            behind = await self._page(after=sequence, limit=_AROUND, **query)
            self.log.replace(
                _lines([*before.data, *behind.data]),
                at_start=before.previous is None,
                at_end=behind.next is None,
            )
        self.log.go_to(sequence)

    def _query(self) -> dict[str, Any]:
        return dict(self.log.filter.query())

    async def _page(self, **where: Any) -> wire.EventPage:
        return await self._client.event_page(self._job_id, **where)


def _lines(events: Iterable[wire.Event]) -> list[LogLine]:
    return [line for line in map(log_line, events) if line is not None]


def _first(lines: Iterable[LogLine], wanted: LogFilter) -> LogLine | None:
    return next((line for line in lines if wanted.matches(line)), None)
