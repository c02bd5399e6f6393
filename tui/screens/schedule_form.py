"""The form that makes or changes a schedule; the server's refusals are shown in it."""

from __future__ import annotations

from typing import Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, Static

from tui import errors, messages, text, wire
from tui.client import Client
from tui.screens.dialogs import Dialog

# member of the request, label, what stands there first
_FIELDS = (
    ("name", "Name", ""),
    ("cluster_id", "Cluster", ""),
    ("job_type", "Job", "verify"),
    ("cron", "Cron", "0 2 * * *"),
    ("time_zone", "Time zone", "UTC"),
    ("missed_run_policy", "If missed", "skip"),
)
_HELP = (
    "Cron: minute hour day-of-month month day-of-week. Time zone: Europe/Berlin, UTC, …\n"
    "If missed: skip, or run_once when workers are back. enter or ctrl+s saves, esc leaves."
)


class ScheduleForm(Dialog[wire.Schedule]):
    """Answers the schedule as the server keeps it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+s", "save", "Save")]

    def __init__(self, client: Client, schedule: wire.Schedule | None) -> None:
        super().__init__()
        self._client = client
        self._schedule = schedule

    def compose(self) -> ComposeResult:
        """One line per member."""
        schedule = self._schedule
        with Vertical(classes="dialog form"):
            heading = "New schedule" if schedule is None else f"Schedule {text.one_line(schedule.name)}"
            yield Static(heading, markup=False)
            for member, label, first in _FIELDS:
                with Horizontal(classes="field"):
                    yield Static(label, classes="label", markup=False)
                    yield Input(self._value(member, first), id=member, compact=True)
            yield Static(_HELP, markup=False)
            yield Static("", id="dialog-error", markup=False)

    def _value(self, member: str, first: str) -> str:
        if self._schedule is None:
            return first
        known = self._schedule.cluster_name if member == "cluster_id" else getattr(self._schedule, member)
        return text.one_line(str(known))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_save()

    @work(exclusive=True)
    async def action_save(self) -> None:
        """Sends the form; a refusal stays on it."""
        values: dict[str, Any] = {
            member: self.query_one(f"#{member}", Input).value.strip() for member, _, _ in _FIELDS
        }
        schedule_id = None
        if self._schedule is not None:
            schedule_id = self._schedule.id
            values |= {"enabled": self._schedule.enabled, "parameters": self._schedule.parameters}
        try:
            saved = await self._client.save_schedule(values, schedule_id)
        except errors.SessionEnded as ended:
            self.app.post_message(messages.SignInNeeded(str(ended)))
        except errors.ApiError as refused:
            self.query_one("#dialog-error", Static).update(f"✗ {text.clean(str(refused))}")
        else:
            self.dismiss(saved)
