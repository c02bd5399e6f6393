"""Schedules: made, listed, changed, run by hand. What happens when one is due: `schedule_firing`."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

import asyncpg
import msgspec

from engine.domain import permissions, spec_rules
from engine.domain import schedules as rules
from engine.domain.errors import ClusterBusy, Conflict, FieldProblem, InvalidSpec, NameTaken, NotFound
from engine.domain.permissions import Permission, Principal
from engine.domain.schedules import MissedRunPolicy, RunOutcome
from engine.domain.statuses import JobType
from engine.services import audit_log, clusters, job_queue, runs
from engine.services.identity import Caller
from engine.store import clusters as cluster_rows
from engine.store import database, jobs, records, schedules
from engine.store.schedules import ScheduleView

__all__ = [
    "Run",
    "ScheduleView",
    "Wanted",
    "create",
    "delete",
    "get",
    "page",
    "parse_id",
    "preview",
    "preview_of",
    "put",
]

Run = records.ScheduleRun


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule as asked for; `cluster` is an id or a name."""

    name: str
    cluster: str
    job_type: JobType
    cron: str
    time_zone: str = "UTC"
    enabled: bool = True
    missed_run_policy: MissedRunPolicy = MissedRunPolicy.SKIP
    parameters: dict[str, Any] = {}


def parse_id(text: str) -> uuid.UUID:
    """The id that a path names; raises NotFound for what cannot be one."""
    if not spec_rules.is_uuid(text):
        raise NotFound(f"There is no schedule {text[:100]!r}.")
    return uuid.UUID(text)


async def page(
    principal: Principal, *, cluster: str | None, enabled: bool | None, page: int, page_size: int
) -> tuple[list[ScheduleView], int]:
    """Schedules by name, and how many in all; raises NotFound for an unknown cluster."""
    permissions.require(principal, Permission.SCHEDULE_READ)
    found = await clusters.find(cluster) if cluster else None
    return await schedules.page(
        cluster_id=found.id if found else None,
        enabled=enabled,
        offset=(page - 1) * page_size,
        limit=page_size,
    )


async def get(principal: Principal, schedule_id: uuid.UUID) -> ScheduleView:
    """The schedule with this id; raises NotFound."""
    permissions.require(principal, Permission.SCHEDULE_READ)
    return await _view(schedule_id)


async def run_page(
    principal: Principal, schedule_id: uuid.UUID, *, outcome: RunOutcome | None, page: int, page_size: int
) -> tuple[list[Run], int]:
    """What became of a schedule's due times, latest first, and how many rows; raises NotFound."""
    permissions.require(principal, Permission.SCHEDULE_READ)
    await _view(schedule_id)
    return await schedules.runs(schedule_id, outcome=outcome, offset=(page - 1) * page_size, limit=page_size)


def preview(schedule: records.Schedule) -> list[tuple[datetime, datetime]]:
    """The next due times from now on, in UTC and in the schedule's zone, whether it is enabled or not."""
    return rules.preview(schedule.cron, schedule.time_zone, records.now())


def preview_of(principal: Principal, cron: str, time_zone: str) -> list[tuple[datetime, datetime]]:
    """The same for a schedule that there is not; raises InvalidSpec with every problem."""
    permissions.require(principal, Permission.SCHEDULE_READ)
    if problems := rules.problems(cron, time_zone, JobType.VERIFY):
        raise InvalidSpec(problems)
    return rules.preview(cron, time_zone, records.now())


async def create(wanted: Wanted, caller: Caller) -> ScheduleView:
    """Write a schedule; raises InvalidSpec with every problem, NameTaken, Forbidden."""
    principal = _allowed(caller, Permission.SCHEDULE_CREATE)
    cluster = await _checked(wanted)
    try:
        async with database.transaction():
            schedule = records.Schedule(
                tenant_id=cluster.tenant_id,
                name=wanted.name,
                cluster_id=cluster.id,
                created_by=uuid.UUID(principal.account_id),
                created_by_email=principal.email,
                **await _timing(wanted),
            )
            await schedules.add(schedule)
            await _record(caller, Permission.SCHEDULE_CREATE, schedule, _told(schedule))
    except asyncpg.UniqueViolationError as error:  # the name is all that must be unique
        raise _name_taken(wanted.name) from error
    return await _view(schedule.id)


async def put(schedule_id: uuid.UUID, wanted: Wanted, caller: Caller) -> ScheduleView:
    """Replace a schedule; its next due time is reckoned from now. Raises like `create`, and NotFound."""
    _allowed(caller, Permission.SCHEDULE_UPDATE)
    await _view(schedule_id)
    cluster = await _checked(wanted)
    try:
        async with database.transaction():
            schedule = await _locked(schedule_id)
            if cluster.tenant_id != schedule.tenant_id:
                raise InvalidSpec([FieldProblem("cluster_id", "is a cluster of another tenant")])
            changes = {"name": wanted.name, "cluster_id": cluster.id, **await _timing(wanted)}
            await schedules.update(schedule_id, **changes, updated_at=records.now())
            changed = msgspec.structs.replace(schedule, **changes)
            await _record(caller, Permission.SCHEDULE_UPDATE, changed, _told(changed))
    except asyncpg.UniqueViolationError as error:  # the name is all that must be unique
        raise _name_taken(wanted.name) from error
    return await _view(schedule_id)


async def set_enabled(schedule_id: uuid.UUID, enabled: bool, caller: Caller) -> ScheduleView:
    """Turn a schedule on or off; due times while it is off are not missed. Raises NotFound, Conflict."""
    _allowed(caller, Permission.SCHEDULE_UPDATE)
    async with database.transaction():
        schedule = await _locked(schedule_id)
        if enabled != schedule.enabled:
            if enabled:
                await _require_cluster(schedule)
            now = await schedules.database_now()
            following = rules.next_time(schedule.cron, schedule.time_zone, now) if enabled else None
            await schedules.update(
                schedule_id, enabled=enabled, next_run_at=following, updated_at=records.now()
            )
        await _record(caller, Permission.SCHEDULE_UPDATE, schedule, {"enabled": enabled})
    return await _view(schedule_id)


async def delete(schedule_id: uuid.UUID, caller: Caller) -> None:
    """Delete a schedule; a job that it started goes on. Raises NotFound."""
    _allowed(caller, Permission.SCHEDULE_DELETE)
    async with database.transaction():
        schedule = await _locked(schedule_id)
        await schedules.remove(schedule_id)
        await _record(caller, Permission.SCHEDULE_DELETE, schedule, _told(schedule))


async def run_now(schedule_id: uuid.UUID, caller: Caller) -> records.Job:
    """Queue a schedule's job now, whether it is enabled or not; its due times stay as they are.

    Raises NotFound, and Conflict while a job of this schedule is active or its cluster is gone or going.
    """
    _allowed(caller, Permission.SCHEDULE_RUN)
    async with database.transaction():
        schedule = await _locked(schedule_id)
        active = await schedules.active_job(schedule_id)
        if active is not None:
            raise ClusterBusy(
                f"Job {active} of schedule {schedule.name!r} has not ended yet.",
                remedy="Wait for it, or cancel it.",
            )
        cluster = await _require_cluster(schedule)
        job = await job_queue.put(cluster, schedule.job_type, caller, schedule=schedule)
        await runs.derive_status(cluster.id)
        now = await schedules.database_now()
        await schedules.add_run(
            records.ScheduleRun(
                schedule_id=schedule.id,
                trigger="person",
                due_at=now,
                last_due_at=now,
                recorded_at=now,
                outcome=RunOutcome.STARTED,
                job_id=job.id,
            )
        )
        await _record(caller, Permission.SCHEDULE_RUN, schedule, {"job_id": str(job.id)})
    return job


def resource(schedule: records.Schedule) -> audit_log.Resource:
    """A schedule as the audit log names it."""
    return audit_log.Resource("schedule", str(schedule.id), schedule.name, schedule.tenant_id)


async def _checked(wanted: Wanted) -> records.Cluster:
    problems = [
        *spec_rules.name_problems(wanted.name),
        *rules.problems(wanted.cron, wanted.time_zone, wanted.job_type),
        *(
            FieldProblem(f"parameters.{name[:100]}", f"is not a parameter of {wanted.job_type.value} jobs")
            for name in wanted.parameters
        ),
    ]
    try:
        cluster = await clusters.find(wanted.cluster)
    except NotFound:
        cluster = None
    if cluster is None or cluster.deleted_at is not None:
        problems.append(FieldProblem("cluster_id", f"there is no cluster {wanted.cluster[:100]!r}"))
    if problems or cluster is None:
        raise InvalidSpec(problems)
    return cluster


async def _timing(wanted: Wanted) -> dict[str, Any]:
    now = await schedules.database_now()
    following = rules.next_time(wanted.cron, wanted.time_zone, now)
    return {
        "job_type": wanted.job_type,
        "cron": wanted.cron,
        "time_zone": wanted.time_zone,
        "enabled": wanted.enabled,
        "missed_run_policy": wanted.missed_run_policy,
        "parameters": wanted.parameters,
        "next_run_at": following if wanted.enabled else None,
    }


async def _require_cluster(schedule: records.Schedule) -> records.Cluster:
    cluster = await cluster_rows.get(schedule.cluster_id, lock=True)
    if cluster is None or cluster.deleted_at is not None:
        raise Conflict(
            f"The cluster of schedule {schedule.name!r} is deleted.",
            remedy="Give the schedule another cluster, or delete it.",
        )
    for job in await jobs.active_of_cluster(cluster.id):
        if job.deletes_cluster:
            raise ClusterBusy(f"Cluster {cluster.name!r} is being deleted by job {job.id}.")
    return cluster


async def _view(schedule_id: uuid.UUID) -> ScheduleView:
    found = await schedules.view(schedule_id)
    if found is None:
        raise NotFound(f"There is no schedule {schedule_id}.")
    return found


async def _locked(schedule_id: uuid.UUID) -> records.Schedule:
    found = await schedules.get(schedule_id, lock=True)
    if found is None:
        raise NotFound(f"There is no schedule {schedule_id}.")
    return found


def _name_taken(name: str) -> NameTaken:
    return NameTaken(f"There is a schedule {name!r} already.", remedy="Choose another name.")


def _allowed(caller: Caller, permission: Permission) -> Principal:
    assert caller.principal is not None
    permissions.require(caller.principal, permission)
    return caller.principal


def _told(schedule: records.Schedule) -> dict[str, Any]:
    return {
        "cluster_id": str(schedule.cluster_id),
        "job_type": schedule.job_type.value,
        "cron": schedule.cron,
        "time_zone": schedule.time_zone,
        "enabled": schedule.enabled,
        "missed_run_policy": schedule.missed_run_policy.value,
    }


async def _record(
    caller: Caller, permission: Permission, schedule: records.Schedule, details: dict[str, Any]
) -> None:
    await audit_log.record(caller, permission.value, resource(schedule), details=details)
