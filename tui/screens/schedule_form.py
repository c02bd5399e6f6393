"""The form that makes or changes a schedule."""

from __future__ import annotations

from typing import Any, ClassVar

from tui import text, wire
from tui.screens.form import Form


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
