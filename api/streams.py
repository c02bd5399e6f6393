"""Server-sent events (WHATWG HTML §9.2)."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec

from api import metrics
from api.schemas.jobs import Event
from engine.domain.events import RunEvent
from engine.services.job_events import Ended, Quiet

MEDIA_TYPE = "text/event-stream"
RETRY_MILLISECONDS = 2000
# A proxy that buffers would turn a live stream into a late one.
HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}

_encoder = msgspec.json.Encoder()


def wire_event(event: RunEvent) -> Event:
    """An event as it is shown."""
    return Event(
        sequence=event.sequence,
        attempt=event.attempt,
        kind=event.kind,
        created_at=event.created_at,
        phase=event.phase,
        host=event.host,
        task=event.task,
        role=event.role,
        message=event.message,
        duration_seconds=event.duration_seconds,
        data=event.data,
    )


async def frames(told: AsyncIterator[RunEvent | Quiet | Ended]) -> AsyncIterator[bytes]:
    """Frames of a stream: how long to wait before coming back, events, pings, and the end."""
    metrics.STREAMS.inc()
    try:
        yield f"retry: {RETRY_MILLISECONDS}\n\n".encode()
        async for item in told:
            yield frame(item)
    finally:
        metrics.STREAMS.dec()


def frame(item: RunEvent | Quiet | Ended) -> bytes:
    """One frame. JSON holds no raw line break, so one `data` line is enough."""
    if isinstance(item, Quiet):
        return b": ping\n\n"
    if isinstance(item, Ended):
        return b"event: end\ndata: " + _encoder.encode({"status": item.status}) + b"\n\n"
    head = f"id: {item.sequence}\nevent: {item.kind.value}\ndata: "
    return head.encode() + _encoder.encode(wire_event(item)) + b"\n\n"
