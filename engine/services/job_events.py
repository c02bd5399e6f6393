"""A job's events: pages, plain text, and following a job while it runs."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator
from datetime import UTC

import msgspec

from engine.domain import permissions
from engine.domain.errors import NotFound
from engine.domain.events import EventKind, RunEvent
from engine.domain.permissions import Permission, Principal
from engine.domain.statuses import FINAL_JOB_STATUSES, JobStatus
from engine.store import event_pages, events, job_views
from engine.store.event_pages import Filters, Span
from engine.store.notifications import RECONNECTED, Hub

__all__ = [
    "RESULTS",
    "Ended",
    "EventPage",
    "Filters",
    "Follower",
    "Quiet",
    "Where",
    "expired",
    "line",
    "log",
    "page",
    "require",
]

BATCH = 500
ENDLESS = 2**62  # above every sequence
# A notification can be lost with its connection; so often a follower looks by itself. It is the ping too.
LOOK_SECONDS = 15.0
# Between a job's last event and its final status lies one commit.
LAST_LOOK_SECONDS = 0.1


#: What the results of a task on a host are called in requests.
RESULTS = {
    "ok": EventKind.HOST_OK,
    "changed": EventKind.HOST_CHANGED,
    "failed": EventKind.HOST_FAILED,
    "unreachable": EventKind.HOST_UNREACHABLE,
    "skipped": EventKind.HOST_SKIPPED,
}


class Ended(msgspec.Struct, frozen=True):
    """The last thing a follower hears."""

    status: JobStatus


class Quiet(msgspec.Struct, frozen=True):
    """Nothing happened for a while; the follower is still there."""


class Follower:
    """Fans one LISTEN connection out to everybody who follows a job.

    A follower has a flag, not a queue: whatever it missed it reads from the table, by sequence.
    """

    def __init__(self, database_url: str) -> None:
        self._hub = Hub(database_url, [events.CHANNEL])
        self._flags: dict[uuid.UUID, set[asyncio.Event]] = {}
        self._task: asyncio.Task[None] | None = None
        self._closing = False

    async def start(self) -> None:
        """Open the LISTEN connection."""
        await self._hub.start()
        self._task = asyncio.create_task(self._fan_out(), name="job-events")

    async def stop(self) -> None:
        """End every stream and close the connection."""
        self._closing = True
        for flags in self._flags.values():
            for flag in flags:
                flag.set()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self._hub.stop()

    async def follow(
        self, job_id: uuid.UUID, after: int, filters: Filters
    ) -> AsyncIterator[RunEvent | Quiet | Ended]:
        """Events with a sequence above `after`, as they come, until the job has ended and all were told."""
        flag = asyncio.Event()
        self._flags.setdefault(job_id, set()).add(flag)
        try:
            while not self._closing:
                flag.clear()
                # First how far the job is, then its events: what is final then has all its events told below.
                progress = await job_views.progress(job_id)
                if progress is None:
                    return
                found = await _read(job_id, after, filters, BATCH)
                for event in found:
                    yield event
                after = found[-1].sequence if found else max(after, 0)
                if len(found) == BATCH:
                    continue
                if progress.status in FINAL_JOB_STATUSES:
                    yield Ended(progress.status)
                    return
                last = bool(found) and found[-1].kind is EventKind.JOB_FINISHED
                if not await _raised(flag, LAST_LOOK_SECONDS if last else LOOK_SECONDS) and not last:
                    yield Quiet()
        finally:
            self._flags[job_id].discard(flag)
            if not self._flags[job_id]:
                del self._flags[job_id]

    async def _fan_out(self) -> None:
        async with self._hub.subscribe(events.CHANNEL) as payloads:
            while True:
                payload = await payloads.get()
                for flag in self._concerned(payload):
                    flag.set()

    def _concerned(self, payload: str) -> list[asyncio.Event]:
        if payload == RECONNECTED:
            return [flag for flags in self._flags.values() for flag in flags]
        return list(self._flags.get(uuid.UUID(payload.partition(":")[0]), ()))


class Where(msgspec.Struct, frozen=True, kw_only=True):
    """From where a page is read: the events above a sequence, those just below one, or the last ones."""

    after: int = 0
    before: int | None = None
    tail: bool = False


class EventPage(msgspec.Struct, frozen=True, kw_only=True):
    """Events in order of their sequence, and how to go on in both directions."""

    events: list[RunEvent]
    previous: int | None  # `before` of the page that ends here; None when nothing lies before
    next: int | None  # `after` of the page that begins here; None when nothing lies behind, so far
    last_sequence: int  # of the job, when the page was read
    expired: bool  # the job's first events, or all, are not kept any more


async def page(
    principal: Principal, job_id: uuid.UUID, *, where: Where, limit: int, filters: Filters
) -> EventPage:
    """At most `limit` events; raises NotFound."""
    last = (await require(principal, job_id)).last_sequence
    first = await event_pages.first(job_id)
    expired = last > 0 and first != 1
    first = last + 1 if first is None else first
    backwards = where.tail or where.before is not None
    if backwards:
        below = last + 1 if where.before is None else min(where.before, last + 1)
        span = Span(above=first - 1, below=below, backwards=True)
    else:
        span = Span(above=max(where.after, first - 1), below=last + 1)
    found = await event_pages.read(job_id, span, filters, limit)
    onward = found.reached if found.more else None
    return EventPage(
        events=found.events,
        previous=onward if backwards else where.after + 1 if where.after >= first else None,
        next=onward if not backwards else below - 1 if below <= last else None,
        last_sequence=last,
        expired=expired,
    )


async def expired(job_id: uuid.UUID, last_sequence: int) -> bool:
    """Whether the first events of a job, or all, are not kept any more."""
    return last_sequence > 0 and await event_pages.first(job_id) != 1


async def require(principal: Principal, job_id: uuid.UUID) -> job_views.Progress:
    """How far a job is, for a caller who may read it; raises NotFound or Forbidden."""
    permissions.require(principal, Permission.JOB_READ)
    progress = await job_views.progress(job_id)
    if progress is None:
        raise NotFound(f"There is no job {job_id}.")
    return progress


async def log(job_id: uuid.UUID) -> AsyncIterator[str]:
    """The events of a job so far as lines of text."""
    after = 0
    while found := await events.read(job_id, after=after, limit=BATCH):
        yield "".join(line(event) for event in found)
        after = found[-1].sequence


def line(event: RunEvent) -> str:
    """One event as text, ending in a line break."""
    time = event.created_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    words = [time, event.kind.value]
    if event.host:
        words.append(f"[{event.host}]")
    if event.kind in (EventKind.PHASE_STARTED, EventKind.PHASE_FINISHED) and event.phase:
        words.append(event.phase)
    if event.task:
        words.append(event.task)
    if event.duration_seconds is not None:
        words.append(f"({event.duration_seconds:.1f} s)")
    if event.message:
        words.append(("| " if event.task else "") + event.message.replace("\n", "\n    "))
    if status := event.data.get("status"):
        words.append(str(status))
    return " ".join(words) + "\n"


async def _read(job_id: uuid.UUID, after: int, filters: Filters, limit: int) -> list[RunEvent]:
    return (await event_pages.read(job_id, Span(above=after, below=ENDLESS), filters, limit)).events


async def _raised(flag: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await flag.wait()
    except TimeoutError:
        return False
    return True
