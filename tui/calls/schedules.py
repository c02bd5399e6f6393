"""Schedules and what became of their due times."""

from __future__ import annotations

from typing import Any

from tui import wire
from tui.answers import decode
from tui.calls import PAGE_SIZE
from tui.session import Session


class ScheduleCalls(Session):
    """Schedules and what became of their due times."""

    async def schedules(self, page: int = 1, **where: str) -> wire.Page[wire.Schedule]:
        """One page of schedules, by name; of a `cluster_id`, and `enabled` or not."""
        return await self._get(
            "/api/v1/schedules", wire.Page[wire.Schedule], page=page, page_size=PAGE_SIZE, **where
        )

    async def schedule(self, schedule_id: str) -> wire.Schedule:
        """One schedule with its next due times."""
        return await self._get(f"/api/v1/schedules/{schedule_id}", wire.Schedule)

    async def due_times(self, cron: str, time_zone: str) -> list[wire.DueTime]:
        """When an expression is due next."""
        answer = await self._get("/api/v1/schedules/preview", wire.DueTimes, cron=cron, time_zone=time_zone)
        return answer.data

    async def schedule_runs(
        self, schedule_id: str, page: int = 1, **where: str
    ) -> wire.Page[wire.ScheduleRun]:
        """One page of what became of a schedule's due times, latest first; of one `outcome`."""
        path = f"/api/v1/schedules/{schedule_id}/runs"
        return await self._get(path, wire.Page[wire.ScheduleRun], page=page, page_size=PAGE_SIZE, **where)

    async def save_schedule(self, values: dict[str, Any], schedule_id: str | None) -> wire.Schedule:
        """Makes a schedule, or replaces the one with this id."""
        method, path = ("POST", "") if schedule_id is None else ("PUT", f"/{schedule_id}")
        return decode(await self._call(method, f"/api/v1/schedules{path}", json=values), wire.Schedule)

    async def switch_schedule(self, schedule_id: str, *, enabled: bool) -> wire.Schedule:
        """Turns a schedule on or off."""
        path = f"/api/v1/schedules/{schedule_id}"
        return decode(await self._call("PATCH", path, json={"enabled": enabled}), wire.Schedule)

    async def run_schedule(self, schedule_id: str) -> wire.Accepted:
        """Queues a schedule's job now."""
        return await self._post(f"/api/v1/schedules/{schedule_id}/run")

    async def delete_schedule(self, schedule_id: str) -> None:
        """Deletes a schedule; its jobs stay."""
        await self._call("DELETE", f"/api/v1/schedules/{schedule_id}")
