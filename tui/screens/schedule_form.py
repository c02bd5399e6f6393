"""The form that makes or changes a schedule."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, ClassVar

from textual import on, work
from textual.widgets import Input, Static

from tui import errors, text, wire
from tui.screens.form import Form

_PAUSE_SECONDS = 0.4  # in typing; then the server is asked when that would be
_SHOWN = 3


class ScheduleForm(Form[wire.Schedule]):
    """Answers the schedule as the server keeps it."""

    FIELDS: ClassVar = (
        ("name", "Name", ""),
        ("cluster_id", "Cluster", ""),
        ("job_type", "Job", "verify"),
        ("cron", "Cron", "0 2 * * *"),
        ("time_zone", "Time zone", "UTC"),
        ("missed_run_policy", "If missed", "skip"),
    )
    HELP: ClassVar[str] = (
        "Cron: minute hour day-of-month month day-of-week. Time zone: Europe/Berlin, UTC, …\n"
        "If missed: skip, or run_once when workers are back.\n"
    )

    def on_mount(self) -> None:
        """When that is due, from the start."""
        self._ask_times()

    @on(Input.Changed, "#cron")
    @on(Input.Changed, "#time_zone")
    def _times_changed(self) -> None:
        self._ask_times()

    @work(exclusive=True, group="times")
    async def _ask_times(self) -> None:
        """As the server reckons them; whoever types on calls it off."""
        await asyncio.sleep(_PAUSE_SECONDS)
        values = self.values()
        try:
            said = times(await self.client.due_times(values["cron"], values["time_zone"]))
        except errors.Refused as refused:
            said = "▲ " + "; ".join(f"{name} {text.one_line(why)}" for name, why in refused.fields.items())
        except errors.ApiError:
            said = ""  # saving says what is wrong
        note = self.query_one("#dialog-note", Static)
        note.display = bool(said)
        note.update(said)

    def heading(self) -> str:
        """New, or which."""
        return "New schedule" if self.known is None else f"Schedule {text.one_line(self.known.name)}"

    def value(self, member: str, known: wire.Schedule) -> str:
        """The cluster by its name, all else as it is."""
        return known.cluster_name if member == "cluster_id" else str(getattr(known, member))

    async def save(self, values: dict[str, str]) -> wire.Schedule:
        """What the form does not show stays as it is."""
        if self.known is None:
            return await self.client.save_schedule(values, None)
        unseen: dict[str, Any] = {"enabled": self.known.enabled, "parameters": self.known.parameters}
        return await self.client.save_schedule(values | unseen, self.known.id)


def times(due: Sequence[wire.DueTime]) -> str:
    """The next due times in one line, by the schedule's own clock."""
    shown = " · ".join(each.local[:16].replace("T", " ") for each in due[:_SHOWN])
    return f"○ next: {shown}" if shown else "▲ It is never due."
