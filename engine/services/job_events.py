"""A job's events: pages and plain text."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from datetime import UTC

import msgspec

from engine.domain import permissions
from engine.domain.errors import NotFound
from engine.domain.events import EventKind, RunEvent
from engine.domain.permissions import Permission, Principal
from engine.store import event_pages, events, job_views
from engine.store.event_pages import Filters, Span

__all__ = ["RESULTS", "EventPage", "Filters", "Where", "expired", "line", "log", "page", "require"]

BATCH = 500

#: What the results of a task on a host are called in requests.
RESULTS = {
    "ok": EventKind.HOST_OK,
    "changed": EventKind.HOST_CHANGED,
    "failed": EventKind.HOST_FAILED,
    "unreachable": EventKind.HOST_UNREACHABLE,
    "skipped": EventKind.HOST_SKIPPED,
}


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
    """The events of a job so far as lines of text; what is not kept any more is said first."""
    progress = await job_views.progress(job_id)
    last = 0 if progress is None else progress.last_sequence
    first = await event_pages.first(job_id)
    if last and first != 1:
        gone = last if first is None else first - 1
        yield (
            f"The first {gone} of {last} events are not kept any more: they are older than"
            " EVENT_RETENTION_MONTHS.\n"
        )
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
