"""Schedules: list, make, look, replace, switch, delete, run by hand, and what became of their due times."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from litestar import Response, Router, delete, get, patch, post, put
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from api import guards, replies
from api.decoding import Body
from api.replies import PageNumber, PageSize
from api.schemas import schedules as wire
from api.schemas.common import Accepted, Page
from engine.domain.errors import FieldProblem, InvalidSpec
from engine.domain.permissions import Permission
from engine.domain.schedules import SCHEDULABLE, MissedRunPolicy, RunOutcome
from engine.domain.statuses import JobType
from engine.services import schedules
from engine.services.schedules import ScheduleView

_READ = [guards.requires(Permission.SCHEDULE_READ), guards.known_query]
_OutcomeFilter = Annotated[
    str | None,
    QueryParameter(pattern=f"^({'|'.join(RunOutcome)})$", description="started, missed or skipped"),
]

_Cron = Annotated[str, QueryParameter(description="Five fields, as in a schedule")]
_Zone = Annotated[str, QueryParameter(description="An IANA time zone such as Europe/Berlin")]


@get("/", summary="List schedules", guards=_READ, opt={"refuses": (404,)})
async def list_schedules(
    request: guards.AnyRequest,
    page: PageNumber = 1,
    page_size: PageSize = 20,
    cluster_id: FromQuery[str | None] = None,
    enabled: FromQuery[bool | None] = None,
) -> Response[Page[wire.Schedule]]:
    """By name. `cluster_id` takes an id or a name."""
    found, total = await schedules.page(
        guards.principal(request), cluster=cluster_id, enabled=enabled, page=page, page_size=page_size
    )
    return replies.page([_schedule(view) for view in found], total, page, page_size)


@post(
    "/",
    status_code=201,
    summary="Create schedule",
    dto=Body[wire.ScheduleRequest],
    guards=[guards.requires(Permission.SCHEDULE_CREATE)],
    opt={"action": Permission.SCHEDULE_CREATE.value},
)
async def create(request: guards.AnyRequest, data: JSONBody[wire.ScheduleRequest]) -> Response[wire.Schedule]:
    """Makes a schedule for one cluster; the answer shows when it will be due, by both clocks."""
    guards.name_target(request, data.name)

    async def work() -> replies.Answer:
        made = await schedules.create(_wanted(data), guards.caller(request))
        return replies.Answer(201, _schedule(made), {"Location": f"/api/v1/schedules/{made.schedule.id}"})

    return await replies.once(request, work)


@get("/preview", summary="Preview due times", guards=_READ)
async def preview(request: guards.AnyRequest, cron: _Cron = "", time_zone: _Zone = "UTC") -> wire.DueTimes:
    """When a schedule with this expression would be due next, by both clocks. Nothing is saved."""
    found = schedules.preview_of(guards.principal(request), cron, time_zone)
    return wire.DueTimes(data=[_due(*each) for each in found])


@get("/{schedule_id:str}", summary="Get schedule", guards=_READ)
async def get_schedule(request: guards.AnyRequest, schedule_id: FromPath[str]) -> wire.Schedule:
    """A schedule with its latest run and its next due times."""
    return _schedule(await schedules.get(guards.principal(request), schedules.parse_id(schedule_id)))


@put(
    "/{schedule_id:str}",
    summary="Replace schedule",
    dto=Body[wire.ScheduleRequest],
    guards=[guards.requires(Permission.SCHEDULE_UPDATE)],
    opt={"action": Permission.SCHEDULE_UPDATE.value},
)
async def replace(
    request: guards.AnyRequest, schedule_id: FromPath[str], data: JSONBody[wire.ScheduleRequest]
) -> wire.Schedule:
    """Everything of it; the next due time is reckoned anew from now."""
    changed = await schedules.put(schedules.parse_id(schedule_id), _wanted(data), guards.caller(request))
    return _schedule(changed)


@patch(
    "/{schedule_id:str}",
    summary="Enable or disable schedule",
    dto=Body[wire.ScheduleSwitch],
    guards=[guards.requires(Permission.SCHEDULE_UPDATE)],
    opt={"action": Permission.SCHEDULE_UPDATE.value},
)
async def switch(
    request: guards.AnyRequest, schedule_id: FromPath[str], data: JSONBody[wire.ScheduleSwitch]
) -> wire.Schedule:
    """`{"enabled": false}` pauses it: due times meanwhile are not missed, they are not there."""
    changed = await schedules.set_enabled(
        schedules.parse_id(schedule_id), data.enabled, guards.caller(request)
    )
    return _schedule(changed)


@delete(
    "/{schedule_id:str}",
    status_code=204,
    summary="Delete schedule",
    guards=[guards.requires(Permission.SCHEDULE_DELETE), guards.known_query],
    opt={"action": Permission.SCHEDULE_DELETE.value},
)
async def delete_schedule(request: guards.AnyRequest, schedule_id: FromPath[str]) -> None:
    """The schedule and what became of its due times; jobs that it started stay."""
    await schedules.delete(schedules.parse_id(schedule_id), guards.caller(request))


@post(
    "/{schedule_id:str}/run",
    status_code=202,
    summary="Run schedule now",
    guards=[guards.requires(Permission.SCHEDULE_RUN)],
    opt={"action": Permission.SCHEDULE_RUN.value},
)
async def run_now(request: guards.AnyRequest, schedule_id: FromPath[str]) -> Response[Accepted]:
    """Queues its job now, once more; 409 while a job of this schedule has not ended."""

    async def work() -> replies.Answer:
        job = await schedules.run_now(schedules.parse_id(schedule_id), guards.caller(request))
        reply = Accepted(message="Scheduled job queued", cluster_id=str(job.cluster_id), job_id=str(job.id))
        return replies.Answer(202, reply, {"Location": f"/api/v1/jobs/{job.id}"})

    return await replies.once(request, work)


@get("/{schedule_id:str}/runs", summary="Runs of a schedule", guards=_READ)
async def list_runs(
    request: guards.AnyRequest,
    schedule_id: FromPath[str],
    page: PageNumber = 1,
    page_size: PageSize = 20,
    outcome: _OutcomeFilter = None,
) -> Response[Page[wire.ScheduleRun]]:
    """What became of its due times, latest first; the missed ones too."""
    found, total = await schedules.run_page(
        guards.principal(request),
        schedules.parse_id(schedule_id),
        outcome=RunOutcome(outcome) if outcome else None,
        page=page,
        page_size=page_size,
    )
    return replies.page([_run(run) for run in found], total, page, page_size)


def _wanted(data: wire.ScheduleRequest) -> schedules.Wanted:
    try:
        job_type = JobType(data.job_type)
    except ValueError as error:
        known = ", ".join(SCHEDULABLE)
        raise InvalidSpec([FieldProblem("job_type", f"must be one of: {known}")]) from error
    return schedules.Wanted(
        name=data.name,
        cluster=data.cluster_id,
        job_type=job_type,
        cron=data.cron,
        time_zone=data.time_zone,
        enabled=data.enabled,
        missed_run_policy=MissedRunPolicy(data.missed_run_policy.value),
        parameters=data.parameters,
    )


def _schedule(view: ScheduleView) -> wire.Schedule:
    schedule = view.schedule
    return wire.Schedule(
        id=str(schedule.id),
        name=schedule.name,
        cluster_id=str(schedule.cluster_id),
        cluster_name=view.cluster_name,
        job_type=schedule.job_type,
        cron=schedule.cron,
        time_zone=schedule.time_zone,
        enabled=schedule.enabled,
        missed_run_policy=schedule.missed_run_policy,
        parameters=schedule.parameters,
        created_by=schedule.created_by_email,
        created_at=schedule.created_at,
        updated_at=schedule.updated_at,
        last_run=None if view.last is None else _run(view.last),
        next_run=schedule.next_run_at,
        preview=[_due(*each) for each in schedules.preview(schedule)],
    )


def _due(utc: datetime, there: datetime) -> wire.DueTime:
    return wire.DueTime(utc=utc, local=there.isoformat())


def _run(run: schedules.Run) -> wire.ScheduleRun:
    return wire.ScheduleRun(
        id=str(run.id),
        trigger=run.trigger,
        due_at=run.due_at,
        last_due_at=run.last_due_at,
        due_count=run.due_count,
        outcome=run.outcome,
        reason=run.reason,
        message=run.message,
        job_id=str(run.job_id) if run.job_id else None,
        recorded_at=run.recorded_at,
    )


router = Router(
    "/api/v1/schedules",
    route_handlers=[
        list_schedules,
        create,
        preview,
        get_schedule,
        replace,
        switch,
        delete_schedule,
        run_now,
        list_runs,
    ],
    tags=["Schedules"],
)
