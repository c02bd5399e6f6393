"""One stream for a dashboard: the events of several jobs, or every change of any job and cluster."""

from __future__ import annotations

import uuid
from typing import Annotated

from litestar import Router, get
from litestar.params import QueryParameter
from litestar.response import Stream

from api import guards, state, streams
from engine.domain.errors import FieldProblem, InvalidSpec
from engine.domain.permissions import Permission
from engine.services import job_events, jobs

MOST_JOBS = 50

_Jobs = Annotated[str | None, QueryParameter(name="jobs", description="Ids of jobs, comma-separated")]


@get(
    "/",
    summary="Follow jobs and clusters",
    guards=[guards.requires(Permission.JOB_READ), guards.known_query],
)
async def follow(request: guards.AnyRequest, job_ids: _Jobs = None) -> Stream:
    """Server-sent events. With `jobs`, the events of these jobs, which `Last-Event-ID` resumes; without, a
    `snapshot`, then a `job` or `cluster` message for every change, each job at most twice a second.
    """
    if streams.MEDIA_TYPE not in request.headers.get("accept", ""):
        raise InvalidSpec([FieldProblem("Accept", f"must be {streams.MEDIA_TYPE}: this is a stream")])
    live = state.of(request.app).live
    welcome = streams.welcome(request)
    if job_ids is None:
        return streams.response(request, streams.of_everything(live.board.watch(welcome)))
    places = streams.Places(await _wanted(request, job_ids))
    if (given := request.headers.get("last-event-id")) is not None:
        places.resume(given)
    told = live.follower.follow_many(dict(places.at), job_events.Filters(), welcome)
    return streams.response(request, streams.of_jobs(told, places))


async def _wanted(request: guards.AnyRequest, text: str) -> list[uuid.UUID]:
    named = list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if not 1 <= len(named) <= MOST_JOBS:
        raise InvalidSpec([FieldProblem("jobs", f"must name 1 to {MOST_JOBS} jobs")])
    found = [jobs.parse_id(one) for one in named]
    for job_id in found:
        await job_events.require(guards.principal(request), job_id)
    return list(dict.fromkeys(found))


router = Router("/api/v1/events", route_handlers=[follow], tags=["Jobs"])
