"""One job, live: what failed first, the phases, the hosts, and every event as it happens."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from tui import errors, messages, text, wire
from tui.client import Client
from tui.progress import JobProgress, log_line
from tui.screens.dialogs import Confirm
from tui.screens.resource import ResourceScreen
from tui.screens.slowest_tasks import SlowestTasks
from tui.stream import EventStream, History, StreamState
from tui.widgets.event_log import EventLog
from tui.widgets.filter_line import FilterLine
from tui.widgets.row_table import Column, Row, RowTable

DRAIN_SECONDS = 0.1
FINAL = frozenset({"success", "failed", "cancelled", "interrupted"})

_PHASE_COLUMNS = (Column("status", "PHASE", 11), Column("name", "", 16), Column("took", "TOOK", 6))
_HOST_COLUMNS = (
    Column("host", "HOST", 12),
    Column("word", "", 9),
    Column("ok", "OK", 3),
    Column("changed", "CHG", 3),
    Column("failed", "FAIL", 4),
    Column("took", "TOOK", 6),
    Column("task", "LATEST TASK", 40),
)
_FEW_LINES = 50  # fewer than this at the end of the log: read what is before it too
_SIGNS = {
    StreamState.CONNECTING: "◐ connecting",
    StreamState.LIVE: "● live",
    StreamState.RECONNECTING: "▲ reconnecting",
    StreamState.ENDED: "○ complete",
    StreamState.REFUSED: "✗ no live events",
}


class JobScreen(ResourceScreen):
    """Phases and hosts above, the event log below; a failure comes before all of them."""

    REFRESH_SECONDS: ClassVar[float] = 30.0  # events say when something changed; this is for what they miss

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("x", "cancel", "Cancel", id="job.cancel", tooltip="Ask the job to stop"),
        Binding("r", "retry", "Retry", id="job.retry", tooltip="Resume on what failed, or on marked hosts"),
        Binding("R", "retry_all", "all", id="job.retry-all", tooltip="Resume on every node"),
        Binding("h", "hosts", "Hosts", id="job.hosts", tooltip="To the hosts; space marks one for a retry"),
        Binding("space", "mark", "Mark", id="job.mark", show=False, tooltip="Mark the host for a retry"),
        Binding("T", "slowest", "Slowest", id="job.slowest", tooltip="What took longest"),
        Binding("f", "follow", "Follow", id="job.follow", tooltip="Jump to the newest event and stay there"),
        Binding("c", "cluster", "Cluster", id="job.cluster", tooltip="Open the job's cluster"),
        Binding("escape", "back", "Back", id="back"),
    ]

    def __init__(self, client: Client, job_id: str) -> None:
        super().__init__(client)
        self._job_id = job_id
        self._history = History(client, job_id)
        self._opened = False
        self._marked: set[str] = set()
        self._stream = EventStream(client, job_id)
        self._stream_words = _SIGNS[StreamState.CONNECTING]
        self.job: wire.Job | None = None
        self.progress = JobProgress()

    def subject(self) -> object | None:
        """The job."""
        return self.job

    def body(self) -> ComposeResult:
        """Failure, phases beside hosts, the log's own line, the log."""
        with VerticalScroll(id="failure", can_focus=False):
            yield Static("", id="failure-text", markup=False)
        with Horizontal(id="panes"):
            yield RowTable(_PHASE_COLUMNS, id="phases")
            yield RowTable(_HOST_COLUMNS, id="hosts")
        yield Static("", id="log-line", markup=False)
        yield EventLog()

    def on_mount(self) -> None:
        """Starts the one drain for everything that streams in."""
        self.set_interval(DRAIN_SECONDS, self._drain)
        self.set_interval(1.0, self._tick)
        self.rest()

    def on_screen_resume(self) -> None:
        """Takes the stream up again where it was left."""
        if self._stream.state is not StreamState.ENDED:
            self._follow()

    def on_screen_suspend(self) -> None:
        """A hidden screen holds no stream open; a question on top does not hide it."""
        if not isinstance(self.app.screen, ModalScreen):
            self.workers.cancel_group(self, "stream")

    async def fetch(self) -> None:
        """The job and its hosts as the server knows them."""
        self.job = await self.client.job(self._job_id)
        self.progress.read_hosts(await self.client.job_hosts(self._job_id))

    @work(group="stream")
    async def _follow(self) -> None:
        if sum(worker.group == "stream" and worker.node is self for worker in self.workers) > 1:
            return  # already following, under the question that has just closed
        try:
            if not self._opened:
                await self._open()
            await self._stream.run(
                lambda state, detail: self.post_message(messages.StreamChanged(state, detail))
            )
        except errors.SessionEnded as ended:
            self.app.post_message(messages.SignInNeeded(str(ended)))
        except errors.ApiError as refused:
            self.post_message(messages.LoadFailed(str(refused)))
        else:
            self.load()

    async def _open(self) -> None:
        """The end of the log first; what comes before it when somebody scrolls up there."""
        found = await self._history.open()
        while not self._history.at_start and sum(1 for event in found if log_line(event)) < _FEW_LINES:
            found = await self._history.earlier() + found
        self._show_earlier(found)
        self.query_one(EventLog).follow()
        self._stream = EventStream(self.client, self._job_id, after=self._history.last_sequence)
        self._opened = True

    def _show_earlier(self, events: list[wire.Event]) -> None:
        self.query_one(EventLog).add_before([line for line in map(log_line, events) if line])

    @on(EventLog.AtTop)
    @work(exclusive=True, group="history")
    async def _read_earlier(self) -> None:
        log = self.query_one(EventLog)
        if self._opened and not self._history.at_start and not log.full:
            with self.reporting():
                self._show_earlier(await self._history.earlier())
        self._draw_log_line()

    @on(messages.StreamChanged)
    def _stream_changed(self, message: messages.StreamChanged) -> None:
        words = _SIGNS[StreamState(message.state)]
        self._stream_words = f"{words}  {text.one_line(message.detail)}".rstrip()
        self._draw_log_line()

    def _drain(self) -> None:
        events = self._stream.drain()
        if not events:
            return
        changed = [self.progress.apply(event) for event in events]
        self.query_one(EventLog).add([line for line in map(log_line, events) if line])
        self._draw_progress()
        if any(changed):
            self.load()

    # --- drawing ---

    def draw(self) -> None:
        """The job's own words; events that have come since are applied by the drain."""
        job = self.job
        if job is None:
            return
        self.progress.read(job)
        self._draw_crumbs(job)
        self._draw_progress()

    def _draw_crumbs(self, job: wire.Job) -> None:
        parts = [f"‹ jobs ‹ {job.type} {job.cluster_name}", text.status(job.status, works=True).plain]
        if job.waiting_for:
            parts.append(f"waits for: {job.waiting_for}")
        if job.reason and job.reason != job.status:
            parts.append(job.reason)
        if took := text.span(job.started_at, job.finished_at):
            parts.append(took)
        if left := _left(job):
            parts.append(left)
        if job.limited_to:
            parts.append(f"on {len(job.limited_to)} nodes")
        parts.append(f"by {job.created_by} {text.ago(job.created_at)}")
        self.crumbs(" · ".join(parts))

    def _tick(self) -> None:
        """Times go on while a job runs."""
        if self.job is not None and self.job.status == "running" and self.app.screen is self:
            self._draw_crumbs(self.job)
            self._draw_phases()

    def _draw_progress(self) -> None:
        failure = (self.job and self.job.message) or self.progress.failure
        self.query_one("#failure").display = bool(failure)
        self.query_one("#failure-text", Static).update(f"✗ {text.clean(failure)}" if failure else "")
        self._draw_phases()
        self._draw_hosts()
        self._draw_log_line()

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

    def _draw_hosts(self) -> None:
        over = self.job is not None and self.job.status in FINAL
        self.query_one("#hosts", RowTable).show(
            [
                Row(
                    host,
                    (
                        text.plain(f"+{host}" if host in self._marked else host),
                        text.status(counts.word(over=over), works=True),
                        Text(str(counts.ok)),
                        Text(str(counts.changed)),
                        Text(str(counts.failed + counts.unreachable)),
                        Text(text.duration(counts.seconds) if counts.seconds else ""),
                        text.plain(counts.task),
                    ),
                )
                for host, counts in self.progress.hosts.items()
            ]
        )

    def _draw_log_line(self) -> None:
        needle = self.query_one(FilterLine).value
        narrowed = f' · filter "{needle}"' if needle else ""
        if not self._opened or self._history.at_start:
            earlier = " · the first ones are no longer kept" if self._history.expired else ""
        else:
            full = self.query_one(EventLog).full
            earlier = " · the log has the rest" if full else " · earlier ones: scroll up"
        if job := self.job:
            total = job.hosts.total
            shown = len(self.progress.hosts)
            narrowed += f" · {shown} of {total} hosts" if total > shown else ""
        self.query_one("#log-line", Static).update(
            f" ── events {self._stream.last_sequence}{narrowed}{earlier} ── {self._stream_words}"
        )

    def narrow(self, needle: str) -> None:
        """Narrows the log; phases and hosts stay whole."""
        self.query_one(EventLog).narrow(needle)
        self._draw_log_line()

    def rest(self) -> None:
        """The log has the keys."""
        self.query_one(EventLog).focus()

    # --- keys ---

    def action_follow(self) -> None:
        """To the newest event."""
        self.query_one(EventLog).follow()

    def action_cluster(self) -> None:
        """To the cluster this job works on."""
        if self.job is not None:
            self.app.post_message(messages.Open("clusters", self.job.cluster_id))

    @work(exclusive=True, group="act")
    async def action_cancel(self) -> None:
        """Asks, then cancels."""
        if self.job is not None and self.job.status in FINAL:
            self.say(f"The job is over ({self.job.status}); there is nothing to cancel.")
            return
        what = f"{self.job.type} {self.job.cluster_name}" if self.job else self._job_id
        question = Confirm(
            f"Cancel {what}?",
            "The nodes stay as the job leaves them; retry resumes from the unfinished phase.",
        )
        if not await self.app.push_screen_wait(question):
            return
        with self.reporting():
            accepted = await self.client.cancel(self._job_id)
            self.say(accepted.message)
            self.load()

    @work(exclusive=True, group="act")
    async def action_retry(self) -> None:
        """Queues the job that resumes this one, on what failed or on the marked hosts, and opens it."""
        await self._retry(sorted(self._marked) if self._marked else "failed")

    @work(exclusive=True, group="act")
    async def action_retry_all(self) -> None:
        """The same on every node."""
        await self._retry("all")

    async def _retry(self, hosts: str | list[str]) -> None:
        with self.reporting():
            queued = await self.client.retry(self._job_id, hosts)
            named = ", ".join(node.host for node in queued.hosts[:6])
            more = f" and {len(queued.hosts) - 6} more" if len(queued.hosts) > 6 else ""
            self.say(f"{queued.message}: {named}{more}")
            self.app.post_message(messages.Open("jobs", queued.job_id))

    def action_hosts(self) -> None:
        """To the hosts."""
        self.query_one("#hosts", RowTable).focus()

    def action_mark(self) -> None:
        """Marks the host under the cursor for a retry, or unmarks it."""
        host = self.query_one("#hosts", RowTable).selected
        if host is not None:
            self._marked ^= {host}
            self._draw_hosts()

    @work(exclusive=True, group="act")
    async def action_slowest(self) -> None:
        """What took longest."""
        with self.reporting():
            found = await self.client.slowest_tasks(self._job_id)
            names = {phase.slug: phase.name for phase in self.job.phases} if self.job else {}
            self.app.push_screen(SlowestTasks(found, names))


def _left(job: wire.Job) -> str:
    """When a running job should be through, in words; empty when nobody knows."""
    finish = job.estimated_finish_at
    if not isinstance(finish, datetime):
        return ""
    seconds = (text.aware(finish) - text.now()).total_seconds()
    return f"~{text.duration(seconds)} left" if seconds >= 1 else "should end now"
