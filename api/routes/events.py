"""One stream for a dashboard: every change of any job and cluster, the events of several jobs, or both."""

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

MOST_SEQUENCE = 2**62

_Jobs = Annotated[str | None, QueryParameter(name="jobs", description="Ids of jobs, comma-separated")]
_After = Annotated[
    str | None,
    QueryParameter(
        name="after", description="For each job, in the same order: its events above this sequence; 0 without"
    ),
]
_WithNews = Annotated[
    bool | None, QueryParameter(name="news", description="Tell news besides the events of jobs")
]


@get(
    "/",
    summary="Follow jobs and clusters",
    guards=[guards.requires(Permission.JOB_READ), guards.known_query],
)
async def follow(
    request: guards.AnyRequest, job_ids: _Jobs = None, after: _After = None, news: _WithNews = None
) -> Stream:
    """Server-sent events. Without `jobs`, news: a `snapshot`, then a `job` or `cluster` message for every
    change, each job at most twice a second. With `jobs`, the events of these jobs, beginning behind `after`,
    or behind `Last-Event-ID` where that is given; with `news=true` the news too, in the same stream.
    """
    if streams.MEDIA_TYPE not in request.headers.get("accept", ""):
        raise InvalidSpec([FieldProblem("Accept", f"must be {streams.MEDIA_TYPE}: this is a stream")])
    live = state.of(request.app).live
    welcome = streams.welcome(request)
    if job_ids is None:
        _check_without_jobs(after, news)
        return streams.response(request, streams.of_everything(live.board.watch(welcome)))
    wanted = await _wanted(request, job_ids)
    places = streams.Places(dict(zip(wanted, _sequences(after, len(wanted)), strict=True)))
    if (given := request.headers.get("last-event-id")) is not None:
        places.resume(given)
    if news:
        return streams.response(request, streams.of_both(live.everything(places.at, welcome), places))
    told = live.follower.follow_many(places.at, job_events.Filters(), welcome)
    return streams.response(request, streams.of_jobs(told, places))


async def _wanted(request: guards.AnyRequest, text: str) -> list[uuid.UUID]:
    named = list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if not 1 <= len(named) <= MOST_JOBS:
        raise InvalidSpec([FieldProblem("jobs", f"must name 1 to {MOST_JOBS} jobs")])
    found = [jobs.parse_id(one) for one in named]
    for job_id in found:
        await job_events.require(guards.principal(request), job_id)
    return list(dict.fromkeys(found))


def _sequences(text: str | None, count: int) -> list[int]:
    """Where the stream of each job begins."""
    if text is None:
        return [0] * count
    named = [part.strip() for part in text.split(",")]
    if not all(one.isascii() and one.isdigit() and len(one) <= 19 for one in named):
        raise InvalidSpec([FieldProblem("after", "must be sequences of events, comma-separated")])
    found = list(map(int, named))
    if max(found) > MOST_SEQUENCE:
        raise InvalidSpec([FieldProblem("after", f"must be at most {MOST_SEQUENCE}")])
    if len(found) != count:
        raise InvalidSpec([FieldProblem("after", f"must have one sequence for each of the {count} jobs")])
    return found


def _check_without_jobs(after: str | None, news: bool | None) -> None:
    problems = []
    if after is not None:
        problems.append(FieldProblem("after", "is for the events of jobs: name them in jobs"))
    if news is False:
        problems.append(FieldProblem("news", "without jobs there is nothing else to tell"))
    if problems:
        raise InvalidSpec(problems)


router = Router("/api/v1/events", route_handlers=[follow], tags=["Jobs"])
