"""Jobs: list, look, follow, read as text, cancel, retry."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated

import msgspec
from litestar import Response, Router, get, post
from litestar.params import FromPath, FromQuery, QueryParameter
from litestar.response import Stream

from api import decoding, guards, replies, state, streams
from api.replies import PageNumber, PageSize
from api.replies import Search as _Words
from api.schemas import jobs as wire
from api.schemas.common import Accepted, Page, TenantName
from engine.domain.errors import FieldProblem, InvalidSpec
from engine.domain.events import EventKind
from engine.domain.permissions import Permission
from engine.domain.statuses import JobStatus, JobType
from engine.services import estimates, job_events, jobs, workers
from engine.services.jobs import JobView, LimitedTo

_READ = [guards.requires(Permission.JOB_READ), guards.known_query]
_SHOWN_STATUSES = [status for status in JobStatus if status is not JobStatus.INTERRUPTED]
_StatusFilter = Annotated[
    str | None, QueryParameter(pattern=f"^({'|'.join(_SHOWN_STATUSES)})$", description="Job status")
]
_TypeFilter = Annotated[str | None, QueryParameter(name="type", pattern=f"^({'|'.join(JobType)})$")]
_Sort = Annotated[
    str | None,
    QueryParameter(
        pattern=replies.either_way(jobs.SORTS), description="Instead of newest first; - before: downwards"
    ),
]
_After = Annotated[int | None, QueryParameter(ge=0, le=2**62, description="Events above this sequence")]
_Before = Annotated[
    int | None, QueryParameter(ge=1, le=2**62, description="The events just below this sequence")
]
_Tail = Annotated[bool, QueryParameter(description="The last events")]
_Limit = Annotated[int, QueryParameter(ge=1, le=1000, description="Events at most")]
_Kinds = Annotated[str | None, QueryParameter(description="Event kinds, comma-separated")]
_Results = Annotated[
    str | None,
    QueryParameter(
        name="status", description="Results on hosts, comma-separated: " + ", ".join(job_events.RESULTS)
    ),
]
_Search = Annotated[
    str | None,
    QueryParameter(min_length=1, max_length=200, description="Part of a task's name or of a message"),
]


@get("/", summary="List jobs", guards=_READ, opt={"refuses": (404,)})
async def list_jobs(
    request: guards.AnyRequest,
    page: PageNumber = 1,
    page_size: PageSize = 20,
    status_filter: _StatusFilter = None,
    cluster_id: FromQuery[str | None] = None,
    job_type: _TypeFilter = None,
    search: _Words = None,
    sort: _Sort = None,
) -> Response[Page[wire.Job]]:
    """Newest first. `search` looks for a part of the cluster's name or of who asked, or how an id begins."""
    found, total = await jobs.page(
        guards.principal(request),
        status=JobStatus(status_filter) if status_filter else None,
        cluster=cluster_id,
        job_type=JobType(job_type) if job_type else None,
        search=search,
        sort=sort,
        page=page,
        page_size=page_size,
    )
    waiting = await workers.waiting_for([job.id for job in found if job.status is JobStatus.QUEUED])
    return replies.page([_job(job, waiting.get(job.id)) for job in found], total, page, page_size)


@get("/{job_id:str}", summary="Get job details", guards=_READ)
async def get_job(request: guards.AnyRequest, job_id: FromPath[str]) -> wire.Job:
    """A job with its phases, the nodes it works on where those are not all, and when it should be through."""
    found = await jobs.get(guards.principal(request), jobs.parse_id(job_id))
    waiting = await workers.waiting_for([found.id] if found.status is JobStatus.QUEUED else [])
    shown = _job(found, waiting.get(found.id), await jobs.limited_to(found))
    if await job_events.expired(found.id, found.last_sequence):
        shown = msgspec.structs.replace(shown, events_expired=True)
    return shown


@get("/{job_id:str}/events", summary="Events of a job", guards=_READ, opt={"also": (streams.MEDIA_TYPE,)})
async def events(
    request: guards.AnyRequest,
    job_id: FromPath[str],
    after: _After = None,
    before: _Before = None,
    tail: _Tail = False,
    limit: _Limit = 100,
    phase: FromQuery[str | None] = None,
    host: FromQuery[str | None] = None,
    kind: _Kinds = None,
    result: _Results = None,
    search: _Search = None,
) -> Response[wire.EventPage] | Stream:
    """Pages of JSON, forwards (`after`), backwards (`before`) or from the end (`tail`); or, with
    `Accept: text/event-stream`, a stream that `Last-Event-ID` resumes.
    """
    wanted = jobs.parse_id(job_id)
    filters = _filters(phase, host, kind, result, search)
    where = _where(after, before, tail)
    if streams.MEDIA_TYPE in request.headers.get("accept", ""):
        if before is not None or tail:
            raise InvalidSpec([FieldProblem("before" if before else "tail", "is for pages, not for streams")])
        await job_events.require(guards.principal(request), wanted)
        told = state.of(request.app).live.follower.follow(
            wanted, _resumed(request, where.after), filters, streams.welcome(request)
        )
        return streams.response(request, streams.of_job(told))
    found = await job_events.page(
        guards.principal(request), wanted, where=where, limit=limit, filters=filters
    )
    return Response(
        wire.EventPage(
            data=[streams.wire_event(event) for event in found.events],
            previous=found.previous,
            next=found.next,
            last_sequence=found.last_sequence,
            events_expired=found.expired,
        )
    )


@get("/{job_id:str}/log", summary="Log of a job", media_type="text/plain", guards=_READ)
async def log(request: guards.AnyRequest, job_id: FromPath[str]) -> Stream:
    """All events so far, as text."""
    wanted = jobs.parse_id(job_id)
    await job_events.require(guards.principal(request), wanted)

    async def text() -> AsyncIterator[bytes]:
        async for lines in job_events.log(wanted):
            yield lines.encode()

    return Stream(text(), media_type="text/plain; charset=utf-8")


@post(
    "/{job_id:str}/cancel",
    status_code=202,
    summary="Cancel a job",
    guards=[guards.requires(Permission.JOB_CANCEL)],
    opt={"action": Permission.JOB_CANCEL.value},
)
async def cancel(request: guards.AnyRequest, job_id: FromPath[str]) -> Response[Accepted]:
    """Stops a job: in the queue at once, running as soon as it is safe. Asking twice changes nothing."""

    async def work() -> replies.Answer:
        job = await jobs.cancel(jobs.parse_id(job_id), guards.caller(request))
        message = "Job cancelled" if job.status is JobStatus.CANCELLED else "Job cancellation requested"
        return replies.Answer(202, _accepted(message, job.cluster_id, job.id), _location(job.id))

    return await replies.once(request, work)


@post(
    "/{job_id:str}/retry",
    status_code=202,
    summary="Retry a job",
    guards=[guards.requires(Permission.JOB_RETRY)],
    opt={"action": Permission.JOB_RETRY.value},
)
async def retry(request: guards.AnyRequest, job_id: FromPath[str]) -> Response[wire.Retried]:
    """Queues a new job that goes on where one stopped.

    It works on `{"hosts": "failed"}` (the default: what the job did not finish), on `"all"`, or on a list of
    nodes; control planes join where a remaining phase needs them, and the reply says why.
    """
    body = await request.body()
    asked = decoding.decode(body, wire.Retry) if body else wire.Retry()

    async def work() -> replies.Answer:
        hosts = asked.hosts if isinstance(asked.hosts, list) else asked.hosts.value
        retried = await jobs.retry(jobs.parse_id(job_id), hosts, guards.caller(request))
        job = retried.job
        reply = wire.Retried(
            message="Job queued",
            cluster_id=str(job.cluster_id),
            job_id=str(job.id),
            hosts=[wire.LimitedTo(choice.host, choice.because) for choice in retried.hosts],
        )
        return replies.Answer(202, reply, _location(job.id))

    return await replies.once(request, work)


def _resumed(request: guards.AnyRequest, after: int) -> int:
    given = request.headers.get("last-event-id")
    if given is None:
        return after
    if not given.isascii() or not given.isdigit() or len(given) > 18:
        raise InvalidSpec([FieldProblem("Last-Event-ID", "must be the sequence of an event")])
    return int(given)


def _where(after: int | None, before: int | None, tail: bool) -> job_events.Where:
    given = [name for name, value in (("after", after), ("before", before)) if value is not None]
    given += ["tail"] if tail else []
    if len(given) > 1:
        raise InvalidSpec([FieldProblem(given[1], f"cannot be given together with {given[0]}")])
    return job_events.Where(after=after or 0, before=before, tail=tail)


def _filters(
    phase: str | None, host: str | None, kind: str | None, result: str | None, search: str | None
) -> job_events.Filters:
    """Filters of a request; a kind and a status that exclude each other match nothing."""
    kinds = _named(kind, "kind", {one.value: one for one in EventKind})
    results = _named(result, "status", job_events.RESULTS)
    if kinds is not None and results is not None:
        kinds = tuple(one for one in kinds if one in results)
    return job_events.Filters(
        phase=_text(phase),
        host=_text(host),
        kinds=kinds if kinds is not None else results,
        text=_text(search),
    )


def _named(text: str | None, field: str, known: Mapping[str, EventKind]) -> tuple[EventKind, ...] | None:
    if text is None:
        return None
    try:
        return tuple(dict.fromkeys(known[part.strip()] for part in text.split(",")))
    except KeyError as error:
        raise InvalidSpec([FieldProblem(field, "must be among: " + ", ".join(known))]) from error


def _text(text: str | None) -> str | None:
    """What the log shows in place of NUL is what is looked for."""
    return None if text is None else text.replace("\0", "\u2400")


def _accepted(message: str, cluster_id: uuid.UUID, job_id: uuid.UUID) -> Accepted:
    return Accepted(message=message, cluster_id=str(cluster_id), job_id=str(job_id))


def _location(job_id: uuid.UUID) -> dict[str, str]:
    return {"Location": f"/api/v1/jobs/{job_id}"}


def _job(
    job: JobView, waiting_for: str | None = None, limited_to: Sequence[LimitedTo] | None = None
) -> wire.Job:
    interrupted = job.status is JobStatus.INTERRUPTED
    reason = "interrupted" if interrupted else job.reason
    estimate = estimates.of_job(job, datetime.now(UTC))
    expectation = job.expectation
    return wire.Job(
        id=str(job.id),
        type=job.type,
        status=JobStatus.FAILED if interrupted else job.status,
        cluster_id=str(job.cluster_id),
        cluster_name=job.cluster_name,
        created_by=job.requested_by_email,
        created_at=job.created_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
        progress=estimates.progress(job, estimate),
        phases=[
            wire.Phase(
                slug=phase.slug,
                name=phase.name,
                status=phase.status,
                started_at=phase.started_at,
                finished_at=phase.finished_at,
            )
            for phase in job.phases
        ],
        hosts=wire.HostCounts(**msgspec.structs.asdict(job.hosts)),
        reason=reason or msgspec.UNSET,
        message=job.message or msgspec.UNSET,
        retry_of=str(job.retry_of) if job.retry_of else msgspec.UNSET,
        schedule_id=str(job.schedule_id) if job.schedule_id else msgspec.UNSET,
        waiting_for=waiting_for or msgspec.UNSET,
        worker=job.worker or msgspec.UNSET,
        limited_to=[wire.LimitedTo(node.host, node.because) for node in limited_to or ()] or msgspec.UNSET,
        left_out=job.left_out or msgspec.UNSET,
        estimated_finish_at=estimate.finish_at if estimate else msgspec.UNSET,
        estimated_seconds_left=round(estimate.seconds_left) if estimate else msgspec.UNSET,
        tenant=TenantName(id=str(job.tenant.id), slug=job.tenant.slug, name=job.tenant.name),
        estimate_basis=wire.EstimateBasis(expectation.basis, expectation.runs)
        if estimate and expectation
        else msgspec.UNSET,
    )


router = Router(
    "/api/v1/jobs", route_handlers=[list_jobs, get_job, events, log, cancel, retry], tags=["Jobs"]
)
