"""A job host by host: the recap, and the slowest tasks."""

from __future__ import annotations

from typing import Annotated

from litestar import Response, Router, get
from litestar.params import FromPath, FromQuery, QueryParameter

from api import guards, replies
from api.replies import PageNumber
from api.schemas import jobs as wire
from api.schemas.common import Page
from engine.domain.errors import FieldProblem, InvalidSpec
from engine.domain.permissions import Permission
from engine.domain.recaps import HostStatus
from engine.services import job_hosts, jobs

_READ = [guards.requires(Permission.JOB_READ), guards.known_query]
_PageSize = Annotated[int, QueryParameter(ge=1, le=1000, description="Hosts per page")]
_Statuses = Annotated[str | None, QueryParameter(description="Statuses of hosts, comma-separated")]
_Order = Annotated[str, QueryParameter(pattern="^duration$", description="The one order there is")]


@get("/{job_id:str}/hosts", summary="Hosts of a job", guards=_READ)
async def list_hosts(
    request: guards.AnyRequest,
    job_id: FromPath[str],
    page: PageNumber = 1,
    page_size: _PageSize = 100,
    status: _Statuses = None,
) -> Response[Page[wire.JobHost]]:
    """How the job stands on each node it works on, in the cluster's order; exact while it runs."""
    found, total = await job_hosts.page(
        guards.principal(request),
        jobs.parse_id(job_id),
        statuses=_parsed(status),
        page=page,
        page_size=page_size,
    )
    return replies.page([_host(view) for view in found], total, page, page_size)


@get("/{job_id:str}/tasks", summary="Slowest tasks of a job", guards=_READ)
async def slowest_tasks(
    request: guards.AnyRequest,
    job_id: FromPath[str],
    order: _Order = "duration",
    phase: FromQuery[str | None] = None,
) -> wire.SlowestTasks:
    """The ten slowest of the job, and of each phase, so far; they stay when the events are gone."""
    found = await job_hosts.slowest(guards.principal(request), jobs.parse_id(job_id))
    tasks = [_task(task) for task in found if phase in (None, task.phase)]
    phases: dict[str, list[wire.TimedTask]] = {}
    for task in sorted(tasks, key=lambda task: task.sequence):
        phases.setdefault(task.phase or "", [])
    for task in tasks:
        phases[task.phase or ""].append(task)
    return wire.SlowestTasks(
        data=tasks[: job_hosts.SLOWEST],
        phases=[wire.PhaseTasks(slug, slow) for slug, slow in phases.items() if slug],
    )


def _parsed(text: str | None) -> tuple[HostStatus, ...] | None:
    if text is None:
        return None
    try:
        return tuple(HostStatus(part.strip()) for part in text.split(","))
    except ValueError as error:
        raise InvalidSpec([FieldProblem("status", "must be among: " + ", ".join(HostStatus))]) from error


def _host(view: job_hosts.HostView) -> wire.JobHost:
    return wire.JobHost(
        host=view.host,
        status=view.status,
        ok=view.ok,
        changed=view.changed,
        failed=view.failed,
        unreachable=view.unreachable,
        skipped=view.skipped,
        rescued=view.rescued,
        ignored=view.ignored,
        duration_seconds=round(view.duration_seconds, 3),
        phase=view.phase,
        task=view.task,
        failure=view.failure,
        failed_task=view.failed_task,
        because=view.because,
        last_sequence=view.last_sequence,
    )


def _task(task: job_hosts.SlowTask) -> wire.TimedTask:
    return wire.TimedTask(
        task=task.task,
        role=task.role,
        phase=task.phase or None,
        host=task.host,
        seconds=task.seconds,
        sequence=task.sequence,
    )


router = Router("/api/v1/jobs", route_handlers=[list_hosts, slowest_tasks], tags=["Jobs"])
