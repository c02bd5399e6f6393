"""What screens with a log share: searching it, going through it, and reading on where it ends."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, Protocol, override

from textual import on, work
from textual.binding import Binding, BindingType

from tui import text
from tui.log_lines import LogFilter, LogLine
from tui.screens.resource import ResourceScreen
from tui.widgets.event_log import EventLog
from tui.widgets.filter_line import FilterLine


class LogSource(Protocol):
    """Where the lines of a log come from."""

    log: EventLog

    async def earlier(self) -> None:
        """Puts what comes before on top."""

    async def later(self) -> None:
        """Puts what comes behind below."""

    async def seek(self, wanted: LogFilter, *, forward: bool) -> tuple[LogLine | None, bool]:
        """Goes to the next line that is wanted; says which, and whether it had to go round."""


class LogScreen(ResourceScreen):
    """A log with search and wrapping. `/` searches and narrows nothing; n and N go from hit to hit."""

    SEARCH_FORWARD: ClassVar[bool] = False  # a log is opened at its end

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "Search", id="log.search", tooltip="Search the log", priority=True),
        Binding("n", "seek(True)", "Next", id="log.next", tooltip="Next hit of the search, or next failure"),
        Binding("N", "seek(False)", "Previous", id="log.previous", show=False, tooltip="The one before"),
        Binding("w", "wrap", "Wrap", id="log.wrap", show=False, tooltip="Long lines on several rows"),
        Binding("f", "follow", "Follow", id="log.follow", tooltip="To the newest line, and stay there"),
    ]

    @abstractmethod
    def sources(self) -> list[LogSource]:
        """The logs of this screen, the main one first."""

    def source_of(self, log: EventLog) -> LogSource:
        """Where this log's lines come from."""
        return next(source for source in self.sources() if source.log is log)

    @property
    def source(self) -> LogSource:
        """The log that has the keys, else the main one."""
        found = self.sources()
        return next((source for source in found if source.log.has_focus), found[0])

    @property
    def needle(self) -> str:
        """What is searched for."""
        return self.query_one(FilterLine).value

    def on_mount(self) -> None:
        """The line at the bottom searches here."""
        self.query_one(FilterLine).placeholder = "search; enter goes there, n and N go on"
        self.rest()

    @override
    def narrow(self, needle: str) -> None:
        """Marks what is searched for."""
        for source in self.sources():
            source.log.highlight(needle)

    @override
    def rest(self) -> None:
        """The log has the keys."""
        self.source.log.focus()

    @on(FilterLine.Closed)
    def _searched(self) -> None:
        if self.needle:
            self.action_seek(self.SEARCH_FORWARD)

    # --- reading on ---

    @on(EventLog.AtTop)
    @work(exclusive=True, group="history")
    async def _read_earlier(self, message: EventLog.AtTop) -> None:
        with self.reporting():
            await self.source_of(message.log).earlier()

    @on(EventLog.AtBottom)
    @work(exclusive=True, group="history")
    async def _read_later(self, message: EventLog.AtBottom) -> None:
        with self.reporting():
            await self.source_of(message.log).later()

    # --- keys ---

    def action_wrap(self) -> None:
        """Long lines on several rows, or cut at the edge."""
        for source in self.sources():
            source.log.toggle_wrap()

    @work(exclusive=True, group="history")
    async def action_follow(self) -> None:
        """To the newest line."""
        source = self.source
        source.log.follow()
        if source.log.kept < source.log.size.height:
            with self.reporting():
                await source.earlier()

    @work(exclusive=True, group="history")
    async def action_seek(self, forward: bool) -> None:
        """To the next hit of the search, or the next failure when nothing is searched for."""
        source, needle = self.source, self.needle
        with self.reporting():
            found, round_trip = await source.seek(self.sought(source.log.filter, needle), forward=forward)
            what = f'"{text.one_line(needle)}"' if needle else "failure"
            if found is None:
                self.say(f"There is no {what} in this log.")
            elif round_trip:
                self.say(f"No more {what}: from the other end again.")

    def sought(self, shown: LogFilter, needle: str) -> LogFilter:
        """What n goes to in a log that is filtered so."""
        if needle:
            return LogFilter(shown.host, shown.phase, shown.show, needle)
        return LogFilter(shown.host, shown.phase, "failed", shown.search)
