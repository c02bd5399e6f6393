"""One job, live: what failed first, the phases, the hosts, and every event as it happens."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, override

from rich.text import Text
from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.widgets import Static

from tui import job_words, text
from tui.client import Client
from tui.log_feed import LogFeed
from tui.log_lines import SHOWN, LogFilter
from tui.screens.job_following import JobFollowing
from tui.screens.job_text import JobEventScreen, JobLogScreen
from tui.screens.log_screen import LogSource
from tui.widgets.event_log import EventLog
from tui.widgets.filter_line import FilterLine
from tui.widgets.host_grid import HostGrid
from tui.widgets.line import Line
from tui.widgets.row_table import Column, Row, RowTable
from tui.widgets.side_by_side import SideBySide

_NARROW, _WIDE = 100, 240  # columns: below, panes fold into tabs; from there on, three hosts side by side
_SIDES = ("side-1", "side-2", "side-3")

_PHASE_COLUMNS = (Column("status", "PHASE", 11), Column("name", "", 16), Column("took", "TOOK", 6))
_HOST_COLUMNS = (
    Column("host", "HOST", 12),
    Column("word", "", 9),
    Column("ok", "OK", 4),
    Column("changed", "CHG", 3),
    Column("failed", "FAIL", 4),
    Column("took", "TOOK", 6),
    Column("task", "LATEST TASK", 40),
)


class JobScreen(JobFollowing):
    """Phases and hosts above, the event log below; a failure comes before all of them."""

    REFRESH_SECONDS: ClassVar[float] = 30.0  # events say when something changed; this is for what they miss

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "h", "hosts", "Hosts", id="job.hosts", tooltip="To the hosts; again: the log of this one alone"
        ),
        Binding("p", "phases", "Phases", id="job.phases", show=False, tooltip="The same with the phases"),
        Binding("F", "failed", "Failed", id="job.failed", tooltip="Only what failed, in the whole log"),
        Binding(
            "s", "show", "Show", id="job.show", show=False, tooltip="All, failed, changed, ok, messages …"
        ),
        Binding("ampersand", "hits", "Hits", id="job.hits", show=False, tooltip="Only lines that say it"),
        Binding(
            "o", "order", "Order", id="job.order", show=False, tooltip="Hosts: failures first, or as named"
        ),
        Binding("v", "sides", "Side by side", id="job.sides", show=False, tooltip="Three hosts, or one log"),
        Binding("l", "log", "Log", id="job.log", tooltip="The whole log as text; E saves it"),
        Binding("escape", "back", "Back", id="back"),
    ]

    def __init__(self, client: Client, job_id: str) -> None:
        super().__init__(client, job_id)
        self._troubled_first = False
        self._one_log = False  # even where three would fit
        self._failure = ""  # as it is drawn
        self._feeds = [LogFeed(client, job_id, EventLog(id=name)) for name in ("event-log", *_SIDES)]

    def body(self) -> ComposeResult:
        """Failure, phases beside hosts, the log's own line, the log or three of them."""
        with VerticalScroll(id="failure", can_focus=False):
            yield Static("", id="failure-text", markup=False)
        yield Line(id="remedy")
        yield Line(id="tabs")
        with Horizontal(id="panes"):
            yield RowTable(_PHASE_COLUMNS, id="phases")
            yield HostGrid(_HOST_COLUMNS, self._host_cells, id="hosts")
        yield Line(id="log-line")
        main, *sides = self._feeds
        yield main.log
        yield SideBySide([feed.log for feed in sides])

    @override
    def sources(self) -> list[LogSource]:
        """Those beside each other when they are shown, and the main log."""
        main, *sides = self._feeds
        return [*(side for side in sides if side.log.filter), main]

    @override
    def feed(self) -> LogFeed:
        """The main one."""
        return self._feeds[0]

    def on_mount(self) -> None:
        """Times go on."""
        self.set_interval(1.0, self._tick)

    def on_resize(self, event: events.Resize) -> None:
        """Narrow terminals fold, wide ones show more at once; nothing is lost either way."""
        self.set_class(event.size.width < _NARROW, "narrow")
        self._settle_sides()

    # --- drawing ---

    def draw(self) -> None:
        """The job's own words; events that have come since are applied by the drain."""
        if self.job is not None:
            self.progress.read(self.job)
            self.crumbs(job_words.crumbs(self.job))
            self.draw_progress()

    def _tick(self) -> None:
        """Times go on while a job runs."""
        if self.job is not None and self.job.status == "running" and self.app.screen is self:
            self.crumbs(job_words.crumbs(self.job))
            self._draw_phases()

    @override
    def draw_progress(self) -> None:
        """Everything that events change."""
        self._draw_failure((self.job and self.job.message) or self.progress.failure)
        self._draw_phases()
        self.draw_hosts()
        self.draw_log_line()

    def _draw_failure(self, failure: str) -> None:
        if failure != self._failure:  # its height follows the text: the whole screen is laid out
            self._failure = failure
            for name in ("#failure", "#remedy"):
                self.query_one(name).display = bool(failure)
            self.query_one("#failure-text", Static).update(f"✗ {text.clean(failure)}" if failure else "")

    def _draw_phases(self) -> None:
        phases = self.query_one("#phases", RowTable)
        rows = []
        for slug, phase in self.progress.phases.items():
            took = Text(text.span(phase.started_at, phase.finished_at))
            rows.append(Row(slug, (text.status(phase.status, works=True), text.plain(phase.name), took)))
        phases.show(rows)
        under_way = [index for index, row in enumerate(rows) if row.cells[0].plain.endswith("running")]
        if under_way and self.focused is not phases:
            phases.move_cursor(row=under_way[-1])

    @override
    def draw_hosts(self) -> None:
        """The grid, the tabs that stand for what is folded, and which hosts are side by side."""
        hosts = self.progress.hosts
        order = sorted(hosts, key=lambda name: not hosts[name].lost) if self._troubled_first else list(hosts)
        self.query_one("#hosts", HostGrid).show(order)
        self.query_one("#remedy", Line).say(job_words.remedy(over=self.over, marked=len(self.marked)))
        self.query_one("#tabs", Line).say(
            job_words.tabs(self.progress, phases_shown=self.has_class("phases-shown"))
        )
        self._settle_sides()

    def _host_cells(self, host: str) -> tuple[Text, ...]:
        counts = self.progress.hosts[host]
        return (
            text.plain(f"+{host}" if host in self.marked else host),
            text.status(counts.word(over=self.over), works=True),
            Text(str(counts.ok)),
            Text(str(counts.changed)),
            Text(str(counts.failed + counts.unreachable)),
            Text(text.duration(counts.seconds) if counts.seconds else ""),
            text.plain(counts.task),
        )

    @on(EventLog.Moved)
    @override
    def draw_log_line(self) -> None:
        """Where the log stands, and its stream."""
        feed = self._feeds[0]
        parts = [f"events {self.stream.last_sequence}", job_words.place(feed.log), feed.log.filter.words()]
        if self.needle and not feed.log.filter.search:
            parts.append(f'search "{self.needle}"')
        if feed.log.window.at_start:
            parts.append("the first ones are no longer kept" if feed.expired else "")
        else:
            parts.append("↑ more above")
        if self.job is not None and self.job.hosts.total > len(self.progress.hosts):
            parts.append(f"{len(self.progress.hosts)} of {self.job.hosts.total} hosts")
        parts.append(self.stream_words)
        self.query_one("#log-line", Line).say(" ── " + " · ".join(filter(None, parts)))

    # --- what the log shows ---

    def _narrow_log(self, wanted: LogFilter) -> None:
        """Another filter: what is known of it at once, the rest as soon as the server has answered."""
        self._one_log = True
        self._settle_sides()
        self._feeds[0].log.narrow(wanted)
        self.draw_log_line()
        self._read_filtered()

    @property
    def _filter(self) -> LogFilter:
        return self._feeds[0].log.filter

    @work(exclusive=True, group="filter")
    async def _read_filtered(self) -> None:
        with self.reporting():
            await self._feeds[0].open()

    @override
    def subject(self) -> object | None:
        """What is under the cursor: a host, a line of the log that one has gone to, else the job."""
        if self.focused is self.query_one("#hosts") and (host := self.query_one("#hosts", HostGrid).selected):
            return {"host": host, **vars(self.progress.hosts[host])}
        log = self.source.log
        return log.current if log.has_focus and not log.following else self.job

    def action_back(self) -> None:
        """Drops the search, then the filter, then leaves."""
        if not self.query_one(FilterLine).display and self._filter:
            self._narrow_log(LogFilter())
        else:
            super().action_back()

    def action_failed(self) -> None:
        """Only what failed, or everything again."""
        self._narrow_log(replace(self._filter, show="all" if self._filter.show == "failed" else "failed"))

    def action_show(self) -> None:
        """The next kind of lines."""
        names = list(SHOWN)
        following = names[(names.index(self._filter.show) + 1) % len(names)]
        self._narrow_log(replace(self._filter, show=following))

    def action_hits(self) -> None:
        """Only lines that say what is searched for, or all again."""
        if not self.needle and not self._filter.search:
            self.say("Search for something first: / and a text.")
            return
        self._narrow_log(replace(self._filter, search="" if self._filter.search else self.needle))

    def action_hosts(self) -> None:
        """To the hosts; from there to the log of the host under the cursor."""
        grid = self.query_one("#hosts", HostGrid)
        self.remove_class("phases-shown")
        if grid.has_focus:
            self._toggle(host=grid.selected)
        else:
            grid.focus()
        self.draw_hosts()

    def action_phases(self) -> None:
        """To the phases; from there to the log of the phase under the cursor."""
        table = self.query_one("#phases", RowTable)
        self.add_class("phases-shown")
        if table.has_focus:
            self._toggle(phase=table.selected)
        else:
            table.focus()
        self.draw_hosts()

    @on(HostGrid.Picked)
    def _host_picked(self, message: HostGrid.Picked) -> None:
        self._toggle(host=message.key)

    @on(RowTable.RowSelected, "#phases")
    def _phase_picked(self, message: RowTable.RowSelected) -> None:
        self._toggle(phase=message.row_key.value)

    def _toggle(self, host: str | None = None, phase: str | None = None) -> None:
        now = self._filter
        if host is not None:
            now = replace(now, host="" if now.host == host else host)
        if phase is not None:
            now = replace(now, phase="" if now.phase == phase else phase)
        self._narrow_log(now)

    def action_order(self) -> None:
        """Failures first, or the cluster's order again."""
        self._troubled_first = not self._troubled_first
        self.draw_hosts()

    @on(EventLog.Picked)
    def _event_picked(self, message: EventLog.Picked) -> None:
        self.app.push_screen(JobEventScreen(self.client, self._job_id, message.line.sequence))

    def action_log(self) -> None:
        """The whole log as text."""
        self.app.push_screen(JobLogScreen(self.client, self._job_id))

    # --- three hosts side by side ---

    def action_sides(self) -> None:
        """One log, or three hosts beside each other where they fit."""
        if self.size.width < _WIDE:
            self.say(f"Three logs side by side need {_WIDE} columns.")
        self._one_log = not self._one_log
        self._settle_sides()

    def _settle_sides(self) -> None:
        wide = self.size.width >= _WIDE and not self._one_log and bool(self.progress.hosts)
        self.set_class(wide, "wide")
        main, *sides = self._feeds
        chosen = self.progress.chosen(sorted(self.marked), len(_SIDES)) if wide else []
        if changed := self.query_one(SideBySide).show(chosen, main.log.window):
            for side in sides:
                if side.log in changed:
                    self._read_side(side)
            self.rest()

    def _read_side(self, side: LogFeed) -> None:
        async def read() -> None:
            with self.reporting():
                await side.open()

        self.run_worker(read(), group=f"{side.log.id}", exclusive=True)
