"""Schedules: all of them, and one with what became of its due times."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from tui import messages, text, wire
from tui.client import Client
from tui.nouns import Noun
from tui.screens.dialogs import Confirm, TypeName
from tui.screens.listing import ListScreen
from tui.screens.resource import ResourceScreen
from tui.screens.schedule_form import ScheduleForm
from tui.widgets.row_table import Column, Row, RowTable

_RUN_COLUMNS = (
    Column("due", "DUE", 17),
    Column("outcome", "OUTCOME", 14),
    Column("by", "BY", 7),
    Column("why", "WHY", 60),
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


class SchedulesScreen(ListScreen[wire.Schedule]):
    """One line per schedule; enter opens it."""

    HEADING: ClassVar[str] = "schedules"
    COLUMNS: ClassVar = (
        Column("name", "NAME", 13),
        Column("cluster", "CLUSTER", 11),
        Column("type", "JOB", 9),
        Column("cron", "CRON", 11),
        Column("next", "NEXT", 10),
        Column("last", "LAST", 13),
    )
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
        answer = await self.client.schedules(page)
        return answer.total, answer.total_pages, answer.data

    def row(self, thing: wire.Schedule) -> Row:
        """Name, cluster, job type, expression, next due time, what became of the last."""
        return schedule_row(thing)

    def open(self, key: str) -> None:
        """Into the schedule."""
        self.app.push_screen(ScheduleScreen(self.client, key))

    def _selected(self) -> wire.Schedule | None:
        key = self.query_one(RowTable).selected
        return next((schedule for schedule in self.things if schedule.id == key), None)

    @work(exclusive=True, group="act")
    async def action_create(self) -> None:
        """The form, empty."""
        if await self.app.push_screen_wait(ScheduleForm(self.client, None)) is not None:
            self.action_refresh()

    @work(exclusive=True, group="act")
    async def action_edit(self) -> None:
        """The form, filled."""
        if (schedule := self._selected()) is None:
            return
        if await self.app.push_screen_wait(ScheduleForm(self.client, schedule)) is not None:
            self.action_refresh()

    @work(exclusive=True, group="act")
    async def action_switch(self) -> None:
        """On when it is off, off when it is on."""
        if (schedule := self._selected()) is None:
            return
        with self.reporting():
            now = await self.client.switch_schedule(schedule.id, enabled=not schedule.enabled)
            self.say(f"{now.name} is {'enabled' if now.enabled else 'disabled'}.")
            self.action_refresh()

    @work(exclusive=True, group="act")
    async def action_run_now(self) -> None:
        """Asks, queues the job and opens it."""
        if (schedule := self._selected()) is None:
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
        if (schedule := self._selected()) is None:
            return
        consequence = "Its record of due times goes with it; jobs that it started stay."
        question = TypeName(f"Delete schedule {schedule.name}", consequence, schedule.name)
        if await self.app.push_screen_wait(question):
            with self.reporting():
                await self.client.delete_schedule(schedule.id)
                self.say(f"{schedule.name} is deleted.")
                self.action_refresh()


class ScheduleScreen(ResourceScreen):
    """When it is due next, by both clocks, and what became of the times before; enter opens a job."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "back", "Back", id="back")]

    def __init__(self, client: Client, schedule_id: str) -> None:
        super().__init__(client)
        self._schedule_id = schedule_id
        self.schedule: wire.Schedule | None = None
        self.runs: list[wire.ScheduleRun] = []

    def body(self) -> ComposeResult:
        """Summary, next times, and the table."""
        yield Static("", id="summary", markup=False)
        yield Static("", id="next-times", markup=False)
        yield RowTable(_RUN_COLUMNS, id="runs")

    async def fetch(self) -> None:
        """The schedule and its runs, at once."""
        self.schedule, page = await asyncio.gather(
            self.client.schedule(self._schedule_id), self.client.schedule_runs(self._schedule_id)
        )
        self.runs = page.data

    def draw(self) -> None:
        """Everything."""
        schedule = self.schedule
        if schedule is None:
            return
        state = "enabled" if schedule.enabled else "disabled"
        self.crumbs(f"‹ schedules ‹ {schedule.name} · {text.status(state).plain}")
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
        self.query_one("#runs", RowTable).show([_run_row(run) for run in self.runs])

    def on_mount(self) -> None:
        """Starts with the keys on the runs."""
        self.rest()

    @on(RowTable.RowSelected, "#runs")
    def _run_opened(self, event: RowTable.RowSelected) -> None:
        for run in self.runs:
            if run.id == event.row_key.value and run.job_id is not None:
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


NOUN = Noun(
    name="schedules",
    what="jobs that a clock asks for",
    screen=SchedulesScreen,
    detail=ScheduleScreen,
    key="4",
    aliases=("sc", "schedule"),
    order=40,
)
