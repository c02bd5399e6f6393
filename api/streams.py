"""Server-sent events (WHATWG HTML §9.2)."""

from __future__ import annotations

import hashlib
import random
import uuid
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any, cast

import msgspec
from litestar.response import Stream

from api import guards, metrics, state
from api.layers import deadline
from api.schemas import events as wire
from api.schemas.jobs import Event
from engine.domain.errors import FieldProblem, Forbidden, InvalidSpec, NotFound
from engine.domain.events import RunEvent
from engine.domain.statuses import JobStatus
from engine.services import dashboard, tenancy
from engine.services.dashboard import News, Snapshot
from engine.services.following import Batch, Closing, Ended, Expired, Gone, Quiet, Told, Welcome

MEDIA_TYPE = "text/event-stream"
RETRY_MILLISECONDS = 2000
# A server that stops is back soon, and its readers should not all come in the same moment.
COME_BACK_MILLISECONDS = (500, 3000)
# A proxy that buffers would turn a live stream into a late one.
HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}

_encoder = msgspec.json.Encoder()


def response(request: guards.AnyRequest, frames: AsyncGenerator[bytes]) -> Stream:
    """A stream of frames: how long to wait before coming back, then what is told."""
    told = _counted(frames)
    cast("dict[str, Any]", request.scope)[deadline.STREAM] = told  # closed there, however the request ends
    return Stream(told, media_type=MEDIA_TYPE, headers=HEADERS)


def welcome(request: guards.AnyRequest) -> Welcome:
    """Asks again whether the caller's token and memberships hold; raises Unauthenticated and Forbidden."""
    identify = cast("dict[str, Any]", request.scope)["identify_again"]
    wanted = request.headers.get(state.of(request.app).settings.tenant_header)
    entered = tenancy.current()

    async def ask() -> None:
        principal = await identify()
        try:
            same = await tenancy.scope_of(principal, wanted) == entered
        except NotFound:
            same = False
        if not same:
            raise Forbidden("The account's tenants have changed.", remedy="Open the stream again.")

    return ask


def wire_event(event: RunEvent) -> Event:
    """An event as it is shown."""
    return Event(**_fields(event))


async def of_job(told: AsyncGenerator[Told]) -> AsyncGenerator[bytes]:
    """Frames of one job's stream; a batch is rendered once for all its readers."""
    async with aclosing(told):
        async for item in told:
            if isinstance(item, Batch):
                if item.wire is None:
                    item.wire = b"".join(
                        _frame(event.kind.value, wire_event(event), str(event.sequence))
                        for event in item.events
                    )
                yield item.wire
            elif isinstance(item, Ended):
                yield _frame("end", {"status": item.status})
            else:
                yield _notice(item, {})


async def of_jobs(told: AsyncGenerator[tuple[uuid.UUID, Told]], places: Places) -> AsyncGenerator[bytes]:
    """Frames of several jobs' stream. The id of each says how far all of them are."""
    async with aclosing(told):
        async for job_id, item in told:
            yield _job_frames(job_id, item, places)


async def of_everything(told: AsyncGenerator[News]) -> AsyncGenerator[bytes]:
    """Frames of a dashboard's stream."""
    async with aclosing(told):
        async for item in told:
            yield _news_frame(item, None)


async def of_both(
    told: AsyncGenerator[News | tuple[uuid.UUID, Told]], places: Places
) -> AsyncGenerator[bytes]:
    """Frames of a dashboard's stream that carries the events of several jobs besides."""
    async with aclosing(told):
        async for item in told:
            if isinstance(item, tuple):
                yield _job_frames(*item, places)
            else:
                yield _news_frame(item, str(places) if isinstance(item, Snapshot) else None)


class Places:
    """How far each of several jobs was told, and the opaque id that says so: `<which jobs>.<sequences>`."""

    def __init__(self, positions: Mapping[uuid.UUID, int]) -> None:
        self.at = dict(positions)
        self._order = sorted(self.at)
        self._which = hashlib.sha256(b"".join(one.bytes for one in self._order)).hexdigest()[:8]

    def __str__(self) -> str:
        return f"{self._which}.{'-'.join(str(self.at[one]) for one in self._order)}"

    def resume(self, given: str) -> None:
        """Go on behind the frame with this id; raises InvalidSpec for one of other jobs, or of none."""
        which, _, places = given.partition(".")
        numbers = places.split("-")
        known = which == self._which and len(numbers) == len(self._order)
        if not known or not all(one.isascii() and one.isdigit() and len(one) <= 19 for one in numbers):
            problem = "must be the id of a message of a stream of the same jobs"
            raise InvalidSpec([FieldProblem("Last-Event-ID", problem)])
        self.at.update(zip(self._order, map(int, numbers), strict=True))


async def _counted(frames: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    metrics.STREAMS.inc()
    try:
        async with aclosing(frames):
            yield f"retry: {RETRY_MILLISECONDS}\n\n".encode()
            async for frame in frames:
                yield frame
    finally:
        metrics.STREAMS.dec()


def _job_frames(job_id: uuid.UUID, item: Told, places: Places) -> bytes:
    """What one of several jobs tells; its events are rendered once for all readers, but for their ids."""
    if isinstance(item, Ended):
        return _frame("end", {"job_id": str(job_id), "status": item.status})
    if not isinstance(item, Batch):
        return _notice(item, {"job_id": str(job_id)} if isinstance(item, Gone) else {})
    if item.frames is None:
        item.frames = [(event.sequence, _job_event(job_id, event)) for event in item.events]
    frames = []
    for sequence, frame in item.frames:
        places.at[job_id] = sequence
        frames += [f"id: {places}\n".encode(), frame]
    return b"".join(frames)


def _job_event(job_id: uuid.UUID, event: RunEvent) -> bytes:
    return _frame(event.kind.value, wire.JobEvent(**_fields(event), job_id=str(job_id)))


def _news_frame(item: News, last: str | None) -> bytes:
    match item:
        case Snapshot():
            snapshot = wire.Snapshot(
                jobs=[_job_news(job) for job in item.jobs],
                clusters=[_cluster_news(cluster) for cluster in item.clusters],
            )
            return _frame("snapshot", snapshot, last)
        case dashboard.JobNews():
            return _frame("job", _job_news(item))
        case dashboard.ClusterNews():
            return _frame("cluster", _cluster_news(item))
    return _notice(item, {})


def _notice(item: Gone | Quiet | Expired | Closing, about: dict[str, Any]) -> bytes:
    """What is said about the stream itself."""
    match item:
        case Quiet():
            return b": ping\n\n"
        case Gone():
            return _frame("events_expired", about | {"first_sequence": item.first_sequence})
        case Expired():
            return _frame("expired", {"reason": item.reason})
        case Closing():
            wait = random.randint(*COME_BACK_MILLISECONDS)  # noqa: S311 - spreads clients, guards nothing
            return f": the server stops\nretry: {wait}\n\n".encode()


def _frame(name: str, data: object, last: str | None = None) -> bytes:
    """One frame. JSON holds no raw line break, so one `data` line is enough."""
    head = f"event: {name}\ndata: " if last is None else f"id: {last}\nevent: {name}\ndata: "
    return head.encode() + _encoder.encode(data) + b"\n\n"


def _fields(event: RunEvent) -> dict[str, Any]:
    return {name: getattr(event, name) for name in Event.__struct_fields__}


def _job_news(job: dashboard.JobNews) -> wire.JobNews:
    interrupted = job.status is JobStatus.INTERRUPTED
    return wire.JobNews(
        id=str(job.id),
        type=job.type,
        status=JobStatus.FAILED if interrupted else job.status,
        reason="interrupted" if interrupted else job.reason,
        cluster_id=str(job.cluster_id),
        cluster_name=job.cluster_name,
        created_at=job.created_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
        cancel_requested=job.cancel_requested,
        phase=job.phase,
        progress=dashboard.progress(job),
        last_sequence=job.last_sequence,
    )


def _cluster_news(cluster: dashboard.ClusterNews) -> wire.ClusterNews:
    return wire.ClusterNews(id=str(cluster.id), name=cluster.name, status=cluster.status)
