"""Schedules: all of them, and one with what became of its due times."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import ClassVar

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from tui import messages, text, wire
from tui.client import Client
from tui.nouns import Noun
from tui.screens.dialogs import Confirm, TypeName
from tui.screens.listing import ListScreen
from tui.screens.schedule_form import ScheduleForm
from tui.widgets.row_table import Column, Row

_RUN_COLUMNS = (
    Column("due", "DUE", 17),
    Column("outcome", "OUTCOME", 14),
    Column("by", "BY", 7),
    Column("why", "WHY", 60),
)


SCHEDULE_COLUMNS = (
    Column("name", "NAME", 13),
    Column("cluster", "CLUSTER", 11),
    Column("type", "JOB", 9),
    Column("cron", "CRON", 11),
    Column("next", "NEXT", 10),
    Column("last", "LAST", 13),
)


def last_outcome(run: wire.ScheduleRun | None) -> Text:
    """What became of the latest due time, as sign and word; of several missed ones their number too."""
    if run is None:
        return Text("○ never", style="dim")
    shown = text.status(run.outcome)
    if run.outcome == "missed":
        shown.append(f" ×{run.due_count}")
    return shown


def schedule_row(schedule: wire.Schedule) -> Row:
    """A schedule as a line of a list."""
    following = Text(text.ahead(schedule.next_run)) if schedule.enabled else text.status("disabled")
    return Row(
        schedule.id,
        (
            text.plain(schedule.name),
            text.plain(schedule.cluster_name),
            text.plain(schedule.job_type),
            text.plain(schedule.cron),
            following,
            last_outcome(schedule.last_run),
        ),
    )


_CHANGES = ("create", "edit", "switch", "run_now", "delete")


class SchedulesScreen(ListScreen[wire.Schedule]):
    """One line per schedule; enter opens it."""

    HEADING: ClassVar[str] = "schedules"
    STATUSES: ClassVar = ("enabled", "disabled")
    LEAST: ClassVar[Mapping[str, str]] = dict.fromkeys(_CHANGES, "operator")
    COLUMNS: ClassVar = SCHEDULE_COLUMNS
    EMPTY: ClassVar[str] = "No schedules yet. Press n to make one."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "create", "New", id="schedule.new", tooltip="Make a schedule"),
        Binding("e", "edit", "Edit", id="schedule.edit", tooltip="Change the schedule"),
        Binding("o", "switch", "On/off", id="schedule.switch", tooltip="Enable or disable the schedule"),
        Binding("x", "run_now", "Run now", id="schedule.run", tooltip="Queue its job now, once more"),
        Binding("ctrl+d", "delete", "Delete", id="schedule.delete", tooltip="Delete the schedule"),
    ]

    async def fetch_page(self, page: int) -> tuple[int, int, list[wire.Schedule]]:
        """One page of schedules."""
        where = {"enabled": "true" if self.status == "enabled" else "false"} if self.status else {}
        answer = await self.client.schedules(page, **where)
        return answer.total, answer.total_pages, answer.data

    def row(self, thing: wire.Schedule) -> Row:
        """Name, cluster, job type, expression, next due time, what became of the last."""
        return schedule_row(thing)

    def open(self, key: str) -> None:
        """Into the schedule."""
        self.app.post_message(messages.Open("schedules", key))

    @work(exclusive=True, group="act")
    async def action_create(self) -> None:
        """The form, empty."""
        made = await self.app.push_screen_wait(ScheduleForm(self.client, None))
        if made is not None:
            self._said(made)

    @work(exclusive=True, group="act")
    async def action_edit(self) -> None:
        """The form, filled."""
        if (schedule := self.subject()) is None:
            return
        changed = await self.app.push_screen_wait(ScheduleForm(self.client, schedule))
        if changed is not None:
            self._said(changed)

    def _said(self, schedule: wire.Schedule) -> None:
        """The next five times as the server reckons them, by the schedule's own clock."""
        times = "\n".join(due.local[:16].replace("T", " ") for due in schedule.preview)
        self.say(f"{schedule.name} is saved. Due in {schedule.time_zone}:\n{times}")
        self.point_at(schedule.id)

    @work(exclusive=True, group="act")
    async def action_switch(self) -> None:
        """On when it is off, off when it is on."""
        if (schedule := self.subject()) is None:
            return
        with self.reporting():
            now = await self.client.switch_schedule(schedule.id, enabled=not schedule.enabled)
            self.say(f"{now.name} is {'enabled' if now.enabled else 'disabled'}.")
            self.action_refresh()

    @work(exclusive=True, group="act")
    async def action_run_now(self) -> None:
        """Asks, queues the job and opens it."""
        if (schedule := self.subject()) is None:
            return
        question = f"Run {schedule.job_type} of {schedule.cluster_name} now?"
        if await self.app.push_screen_wait(Confirm(question, "Its due times stay as they are.")):
            with self.reporting():
                accepted = await self.client.run_schedule(schedule.id)
                self.say(accepted.message)
                self.app.post_message(messages.Open("jobs", accepted.job_id))

    @work(exclusive=True, group="act")
    async def action_delete(self) -> None:
        """Asks for the name, then deletes."""
        if (schedule := self.subject()) is None:
            return
        consequence = "Its record of due times goes with it; jobs that it started stay."
        question = TypeName(f"Delete schedule {schedule.name}", consequence, schedule.name)
        if await self.app.push_screen_wait(question):
            with self.reporting():
                await self.client.delete_schedule(schedule.id)
                self.say(f"{schedule.name} is deleted.")
                self.action_refresh()


class ScheduleScreen(ListScreen[wire.ScheduleRun]):
    """When it is due next, by both clocks, and what became of the times before; enter opens a job."""

    HEADING: ClassVar[str] = "runs"
    COLUMNS: ClassVar = _RUN_COLUMNS
    STATUSES: ClassVar = ("started", "missed", "skipped")
    EMPTY: ClassVar[str] = "It was not due yet. x on the list of schedules runs it now."
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "back", "Back", id="back")]

    def __init__(self, client: Client, schedule_id: str) -> None:
        super().__init__(client)
        self._schedule_id = schedule_id
        self.schedule: wire.Schedule | None = None

    def body(self) -> ComposeResult:
        """Summary, next times, and the table."""
        yield Static("", id="summary", markup=False)
        yield Static("", id="next-times", markup=False)
        yield from super().body()

    def heading(self) -> str:
        """Where one is."""
        if self.schedule is None:
            return "‹ schedules"
        state = text.status("enabled" if self.schedule.enabled else "disabled").plain
        return f"‹ schedules ‹ {text.one_line(self.schedule.name)} · {state} · runs"

    async def fetch_page(self, page: int) -> tuple[int, int, list[wire.ScheduleRun]]:
        """The schedule and a page of its runs, at once."""
        where = {"outcome": self.status} if self.status else {}
        self.schedule, runs = await asyncio.gather(
            self.client.schedule(self._schedule_id),
            self.client.schedule_runs(self._schedule_id, page, **where),
        )
        return runs.total, runs.total_pages, runs.data

    def draw(self) -> None:
        """Everything."""
        schedule = self.schedule
        if schedule is None:
            return
        self.query_one("#summary", Static).update(
            f" {text.one_line(schedule.job_type)} of {text.one_line(schedule.cluster_name)} at "
            f"{text.one_line(schedule.cron)} in {text.one_line(schedule.time_zone)} · if missed: "
            f"{text.one_line(schedule.missed_run_policy)} · by {text.one_line(schedule.created_by)}\n"
        )
        lines = [
            f" next  {due.local[:16].replace('T', ' ')} {due.local[19:]}   {due.utc:%Y-%m-%d %H:%M} UTC"
            for due in schedule.preview
        ]
        self.query_one("#next-times", Static).update("\n".join(lines))
        super().draw()

    def row(self, thing: wire.ScheduleRun) -> Row:
        """Due time, outcome, by what, why."""
        return _run_row(thing)

    def open(self, key: str) -> None:
        """Into the job that it started."""
        for run in self.things:
            if run.id == key and run.job_id is not None:
                self.app.post_message(messages.Open("jobs", run.job_id))


def _run_row(run: wire.ScheduleRun) -> Row:
    why = run.message or ""
    if run.outcome == "missed":
        why = f"{why} {run.due_count} due times until {run.last_due_at:%Y-%m-%d %H:%M} UTC."
    cells = (
        Text(f"{run.due_at:%Y-%m-%d %H:%M}Z"),
        last_outcome(run),
        text.plain(run.trigger),
        text.plain(why),
    )
    return Row(run.id, cells)


_ONE = "/api/v1/schedules/{schedule_id}"
NOUN = Noun(
    name="schedules",
    what="jobs that a clock asks for",
    screen=SchedulesScreen,
    detail=ScheduleScreen,
    key="4",
    aliases=("sc", "schedule"),
    order=40,
    operations={
        "": ("GET /api/v1/schedules", "GET /api/v1/schedules/preview", f"GET {_ONE}", f"GET {_ONE}/runs"),
        "schedule.new": ("POST /api/v1/schedules",),
        "schedule.edit": (f"PUT {_ONE}",),
        "schedule.switch": (f"PATCH {_ONE}",),
        "schedule.run": (f"POST {_ONE}/run",),
        "schedule.delete": (f"DELETE {_ONE}",),
    },
)
