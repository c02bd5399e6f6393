"""What wants me now? What runs, and how is the fleet?"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

import msgspec
from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from tui import bindings, glance, messages, nouns, text, wire
from tui.client import Client
from tui.live_state import Connection
from tui.nouns import Noun
from tui.screens.resource import ResourceScreen
from tui.widgets.row_table import Row, RowTable
from tui.widgets.section import Lines, Section

_FRAME = 3  # lines of title, breadcrumbs and keys
_MARGIN = 3  # cells left and right of a line
_WIDEST = 180  # beyond that an eye loses the line
_NOUNS = {"notification-channels": "channels"}  # what the terminal calls them
_MEMBERS = {"jobs": "job_id", "clusters": "cluster_id", "schedules": "schedule_id"}
_HELPING = ("retry", "resume", "verify")


class DashboardScreen(ResourceScreen):
    """Needs you, running, fleet. Lines are opened with enter; what helps at once has a key."""

    LISTENS_TO: ClassVar[frozenset[str]] = frozenset({"jobs", "clusters"})
    LEAST: ClassVar[Mapping[str, str]] = {
        "retry": "operator",
        "resume": "operator",
        "verify": "operator",
        "create": "operator",
    }

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "retry", "Retry", id="dashboard.retry", tooltip="Retry the job on what failed"),
        Binding("u", "resume", "Resume", id="dashboard.resume", tooltip="Let the worker take jobs again"),
        Binding("v", "verify", "Verify", id="dashboard.verify", tooltip="Look at the cluster's nodes again"),
        Binding("n", "create", "New cluster", id="dashboard.new", show=False, tooltip="Make a new cluster"),
    ]

    def __init__(self, client: Client) -> None:
        super().__init__(client)
        self.overview: wire.Overview | None = None
        self._read_at = 0.0  # monotonic
        self._read_when = text.now()
        self._stale = False
        self._drawn_stale = False

    def body(self) -> ComposeResult:
        """Three sections."""
        yield Section("NEEDS YOU", id="needs")
        yield Section("RUNNING", id="running")
        yield Static("", id="fleet-heading", classes="heading", markup=False)
        yield Static("", id="fleet", markup=False)

    def on_mount(self) -> None:
        """Times and bars go on by themselves."""
        self.set_interval(1.0, self._tick)

    async def fetch(self) -> None:
        """Everything at a glance."""
        self.overview = await self.client.overview()
        self._read_at, self._read_when = time.monotonic(), text.now()

    @on(messages.LoadFailed)
    def _went_stale(self) -> None:
        self._stale = True
        self._draw()

    @property
    def _is_old(self) -> bool:
        """Whether nobody knows if it is still so."""
        return self._stale or self.client.live.connection is Connection.LOST

    @property
    def _as_of(self) -> str:
        return f"as of {text.clock(self._read_when)}"

    # --- drawing ---

    def draw(self) -> None:
        """All sections; the cursor stays on its line."""
        self._stale = False
        self._draw()

    def _draw(self) -> None:
        if (seen := self.overview) is None:
            return
        self._drawn_stale = self._is_old
        self.crumbs(f"dashboard · {self._as_of if self._drawn_stale else glance.summary(seen)}")
        width = self._width
        self._draw_lines(seen, width)
        self.query_one("#fleet-heading", Static).update(glance.heading("FLEET", 0, 0, width))
        self.query_one("#fleet", Static).update(Text("\n").join(glance.fleet(seen, width)))
        self._fold()
        if self.focused is None or (isinstance(self.focused, Lines) and not self.focused.display):
            self.rest()
        self.refresh_bindings()

    def _draw_lines(self, seen: wire.Overview, width: int) -> None:
        now, keys = self._now(seen), self._keys()
        self._troubles.show(
            [Row(item.id, (glance.attention(item, now, width, keys),)) for item in seen.attention],
            count=seen.attention_count,
            nothing=self._all_well(seen),
        )
        self._under_way.show(
            [Row(job.id, (glance.running(job, seen.at, now, width),)) for job in seen.running],
            count=seen.running_count,
            nothing=f"▲ Nothing ran {self._as_of}." if self._is_old else "○ Nothing runs.",
        )

    def _keys(self) -> dict[str, str]:
        """The keys that help, as they are on this keyboard; none for one who may not use them."""
        return {
            action: shown
            for action in _HELPING
            if super().check_action(action, ()) and (shown := bindings.shown(self, f"dashboard.{action}"))
        }

    def _all_well(self, seen: wire.Overview) -> str:
        if self._is_old:
            return f"▲ Nothing wanted you {self._as_of}. What has happened since is not known."
        if seen.clusters_count:
            return "● All is well. Nothing wants you."
        if self.check_action("create", ()):
            return "● All is well. There is no cluster yet: n makes the first one."
        return "● All is well. There is no cluster yet."

    def _fold(self) -> None:
        """Gives every section its lines; the filter line takes one of them while it is there."""
        fleet = 1 + len(glance.fleet(self.overview, self._width)) if self.overview else 0
        room = max(2, self.size.height - _FRAME - 2 - fleet - int(self.query_one("#filter").display))
        first, second = glance.heights((self._troubles.wanted, self._under_way.wanted), room)
        width = self._width
        self._troubles.fold(first, width)
        self._under_way.fold(second, width)

    @property
    def _width(self) -> int:
        return min(self.size.width - _MARGIN, _WIDEST)

    def _now(self, seen: wire.Overview) -> datetime:
        """The server's time, as far as this machine's clock has gone on since."""
        return text.aware(seen.at) + timedelta(seconds=time.monotonic() - self._read_at)

    def _tick(self) -> None:
        """Redraws what counts seconds; not while nobody knows whether it still runs."""
        if self.overview is None or not self.is_current:
            return
        if self._is_old is not self._drawn_stale:
            self._draw()
        elif not self._drawn_stale:
            self._draw_lines(self.overview, self._width)

    def on_resize(self) -> None:
        """Lines are as wide as the screen."""
        self._draw()

    def narrow(self, needle: str) -> None:
        """Narrows what wants somebody and what runs."""
        super().narrow(needle)
        self._fold()

    # --- the cursor ---

    @property
    def _troubles(self) -> Section:
        return self.query_one("#needs", Section)

    @property
    def _under_way(self) -> Section:
        return self.query_one("#running", Section)

    def rest(self) -> None:
        """The keys go to the first section with lines."""
        for section in (self._troubles, self._under_way):
            if section.lines.row_count:
                section.lines.focus()
                return

    @on(RowTable.PastEnd)
    def _past_end(self, event: RowTable.PastEnd) -> None:
        """From the last line of one section into the other."""
        other = (self._under_way if event.step > 0 else self._troubles).lines
        if other is not event.table and other.row_count:
            other.move_cursor(row=0 if event.step > 0 else other.row_count - 1, animate=False)
            other.focus()

    @on(RowTable.RowHighlighted)
    def _highlighted(self) -> None:
        self.refresh_bindings()

    def on_descendant_focus(self) -> None:
        """Other lines, other keys."""
        self.refresh_bindings()

    def _item(self) -> wire.Attention | None:
        """What wants somebody under the cursor."""
        lines = self._troubles.lines
        if self.overview is None or self.focused is not lines:
            return None
        return next((item for item in self.overview.attention if item.id == lines.selected), None)

    def _job(self) -> wire.RunningJob | None:
        """The running job under the cursor."""
        lines = self._under_way.lines
        if self.overview is None or self.focused is not lines:
            return None
        return next((job for job in self.overview.running if job.id == lines.selected), None)

    def subject(self) -> dict[str, Any] | None:
        """The line under the cursor, with the ids of what it refers to."""
        if (job := self._job()) is not None:
            return {**msgspec.to_builtins(job), "job_id": job.id}
        if (item := self._item()) is None:
            return None
        found: dict[str, Any] = {"name": f"{item.what} {item.subject.name}", **msgspec.to_builtins(item)}
        if member := _MEMBERS.get(item.subject.noun):
            found |= {member: item.subject.id, f"{member.removesuffix('_id')}_name": item.subject.name}
        return found

    @on(RowTable.RowSelected)
    def _opened(self, event: RowTable.RowSelected) -> None:
        if (job := self._job()) is not None:
            self.app.post_message(messages.Open("jobs", job.id))
        elif (item := self._item()) is not None:
            self._open(item)
        event.stop()

    def _open(self, item: wire.Attention) -> None:
        subject = item.subject
        noun = nouns.find(_NOUNS.get(subject.noun, subject.noun))
        if noun is None:
            self.say(item.message)
        elif noun.detail is not None and subject.id:
            self.app.post_message(messages.Open(noun.name, subject.id))
        else:
            self.app.post_message(messages.Go(noun.name, subject.id))

    # --- keys ---

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only what helps the line under the cursor is offered."""
        if action in _HELPING:
            item = self._item() if self.is_mounted else None
            if item is None or item.action != action:
                return False
        if action == "create" and ((noun := nouns.find("clusters")) is None or noun.create is None):
            return False
        return super().check_action(action, parameters)

    def action_create(self) -> None:
        """To a new cluster."""
        self.app.post_message(messages.Open("clusters", "new"))

    @work(exclusive=True, group="act")
    async def action_retry(self) -> None:
        """Queues the job that resumes the failed one, on what failed."""
        if (item := self._item()) is not None:
            with self.reporting():
                queued = await self.client.retry(item.subject.id)
                self.say(queued.message)
                self.load()

    @work(exclusive=True, group="act")
    async def action_resume(self) -> None:
        """Lets the worker take jobs again."""
        if (item := self._item()) is not None:
            with self.reporting():
                worker = await self.client.set_drained(item.subject.id, drained=False)
                self.say(f"{worker.name} is {worker.state}.")
                self.load()

    @work(exclusive=True, group="act")
    async def action_verify(self) -> None:
        """Queues the job that looks at the cluster's nodes."""
        if (item := self._item()) is not None:
            with self.reporting():
                self.say((await self.client.verify(item.subject.id)).message)
                self.load()


NOUN = Noun(
    name="dashboard",
    what="what wants you now, what runs, how the fleet is",
    screen=DashboardScreen,
    key="0",
    aliases=("da", "home", "overview"),
    order=0,
    operations={
        "": ("GET /api/v1/overview",),
        "dashboard.retry": ("POST /api/v1/jobs/{job_id}/retry",),
        "dashboard.resume": ("POST /api/v1/workers/{name}/resume",),
        "dashboard.verify": ("POST /api/v1/clusters/{cluster_id}/verify",),
    },
)
