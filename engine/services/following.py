"""Following jobs while they run: any number of readers, one LISTEN connection, each batch read once for all.

A reader has a flag, not a queue: whatever it missed it reads from the table, by sequence. So a slow one costs
nothing and delays nobody, and a lost notification delays an event but never loses it.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import time
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping
from typing import Any

import asyncpg
import msgspec

from engine.domain.errors import Forbidden, ServiceUnavailable, Unauthenticated
from engine.domain.events import RunEvent
from engine.domain.statuses import FINAL_JOB_STATUSES, JobStatus
from engine.store import database, event_pages, events, job_views
from engine.store.event_pages import Filters, Slice, Span
from engine.store.notifications import RECONNECTED, Hub

BATCH = 500
# A notification can be lost with its connection; so often a reader looks by itself.
LOOK_SECONDS = 15.0
# A reader that has heard nothing for so long is told so: from two of these it knows a dead server.
PING_SECONDS = 8.0
# So often a reader's token is looked at.
TOKEN_SECONDS = 5.0
RETRY_SECONDS = 1.0  # while the database does not answer
STATEMENT_SECONDS = 15.0
READS_AT_ONCE = 4  # of the process' connections; the rest is for requests
KEPT_BATCHES = 8  # of each job: readers who catch up together share them
_LOST = (*database.CONNECTION_ERRORS, asyncpg.PostgresError, ServiceUnavailable)

Welcome = Callable[[], Awaitable[object]]


class Batch:
    """Events of a job, shared by all who are at the same place."""

    __slots__ = ("events", "frames", "wire")

    def __init__(self, told: list[RunEvent]) -> None:
        self.events = told
        # Room for whoever renders it, once for all readers: of one job, and of several.
        self.wire: bytes | None = None
        self.frames: list[tuple[int, bytes]] | None = None


class Ended(msgspec.Struct, frozen=True):
    """The job is over and all its events were told."""

    status: JobStatus


class Gone(msgspec.Struct, frozen=True):
    """The events before the next one told are not kept any more; None when none is kept."""

    first_sequence: int | None


class Quiet(msgspec.Struct, frozen=True):
    """Nothing happened for a while; the reader is still there."""


class Expired(msgspec.Struct, frozen=True):
    """The reader's token or session has ended; a new one resumes."""

    reason: str


class Closing(msgspec.Struct, frozen=True):
    """This server stops; the reader should come back."""


Told = Batch | Ended | Gone | Quiet | Expired | Closing


class Seat:
    """One reader: its flag, and when it was told something and its token looked at last."""

    def __init__(self, welcome: Welcome | None) -> None:
        self.flag = asyncio.Event()
        self._welcome = welcome
        self._looked = self._told = time.monotonic()

    def told(self) -> None:
        """Something was sent."""
        self._told = time.monotonic()

    async def wait(self, most: float = LOOK_SECONDS) -> Quiet | None:
        """Until there are news, or it is time to look; Quiet when the reader has heard nothing for long."""
        silent = self._told + PING_SECONDS - time.monotonic()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, min(LOOK_SECONDS, TOKEN_SECONDS, most, silent))):
                await self.flag.wait()
        if time.monotonic() - self._told < PING_SECONDS:
            return None
        self.told()
        return Quiet()

    async def refused(self) -> Expired | None:
        """Why the reader may not go on, looked at now and then."""
        if self._welcome is None or time.monotonic() - self._looked < TOKEN_SECONDS:
            return None
        self._looked = time.monotonic()
        try:
            await self._welcome()
        except (Unauthenticated, Forbidden) as error:
            return Expired(str(error))
        except _LOST:
            pass  # nobody can tell now
        return None


class _Audience:
    """The readers of one job, and what they read together."""

    def __init__(self) -> None:
        self.seats: set[Seat] = set()
        self.news = 0  # counts notifications: a read that began before the last one may lack its events
        self.flights: dict[Any, asyncio.Task[Any]] = {}
        self.kept: collections.OrderedDict[Any, tuple[Batch, Slice]] = collections.OrderedDict()


class Follower:
    """Fans one LISTEN connection out to everybody who follows a job."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._audiences: dict[uuid.UUID, _Audience] = {}
        self._reads = asyncio.Semaphore(READS_AT_ONCE)
        self._task: asyncio.Task[None] | None = None
        self._closing = False

    async def start(self) -> None:
        """Begin to fan out; the hub listens already."""
        self._task = asyncio.create_task(self._fan_out(), name="job-events")

    async def stop(self) -> None:
        """End every stream."""
        self._closing = True
        for audience in self._audiences.values():
            for seat in audience.seats:
                seat.flag.set()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def follow(
        self, job_id: uuid.UUID, after: int, filters: Filters, welcome: Welcome | None = None
    ) -> AsyncGenerator[Told]:
        """Events with a sequence above `after`, as they come, until the job has ended and all were told.

        `welcome` is called now and then; Unauthenticated or Forbidden from it ends the stream.
        """
        async with contextlib.aclosing(self.follow_many({job_id: after}, filters, welcome)) as stream:
            async for _, told in stream:
                yield told

    async def follow_many(
        self, positions: Mapping[uuid.UUID, int], filters: Filters, welcome: Welcome | None = None
    ) -> AsyncGenerator[tuple[uuid.UUID, Told]]:
        """The same for several jobs at once, taking turns; what concerns all has the last job's id."""
        seat = Seat(welcome)
        at = dict(positions)
        job_id = next(reversed(at))
        unseen = set(at)
        with self._seated(seat, at):
            while at and not self._closing:
                seat.flag.clear()
                if (expired := await seat.refused()) is not None:
                    yield job_id, expired
                    return
                busy = False
                for job_id in list(at):
                    try:
                        told, more = await self._look(job_id, at, filters, unseen)
                    except _LOST:
                        if (quiet := await seat.wait(RETRY_SECONDS)) is not None:
                            yield job_id, quiet
                        busy = True
                        continue
                    busy = busy or more
                    for item in told:
                        yield job_id, item
                        seat.told()
                if at and not busy and not self._closing and (quiet := await seat.wait()) is not None:
                    yield job_id, quiet
        if self._closing:
            yield job_id, Closing()

    async def _look(
        self, job_id: uuid.UUID, at: dict[uuid.UUID, int], filters: Filters, unseen: set[uuid.UUID]
    ) -> tuple[list[Told], bool]:
        """What is new of one job, and whether there is more; moves its place, and removes an ended job."""
        audience = self._audiences[job_id]
        # First how far the job is, then its events: what is final then has all its events told.
        progress = await self._together(audience, "progress", lambda: job_views.progress(job_id))
        if progress is None:
            del at[job_id]
            return [], False
        told: list[Told] = []
        if job_id in unseen:
            told += await _gone(job_id, at[job_id], progress)
            unseen.discard(job_id)
        batch, found = await self._read(audience, job_id, at[job_id], progress.last_sequence, filters)
        if batch.events:
            told.append(batch)
        at[job_id] = max(at[job_id], found.reached)
        if not found.more and progress.status in FINAL_JOB_STATUSES:
            told.append(Ended(progress.status))
            del at[job_id]
        return told, found.more

    async def _read(
        self, audience: _Audience, job_id: uuid.UUID, after: int, last: int, filters: Filters
    ) -> tuple[Batch, Slice]:
        if after >= last:
            return Batch([]), Slice(events=[], more=False, reached=after)
        if (kept := audience.kept.get((after, filters))) is not None:
            return kept
        span = Span(above=after, below=last + 1)

        async def read() -> tuple[Batch, Slice]:
            found = await event_pages.read(job_id, span, filters, BATCH)
            read_now = Batch(found.events), found
            if found.more:  # a full batch stays as it is, whatever is written behind it
                audience.kept[after, filters] = read_now
                if len(audience.kept) > KEPT_BATCHES:
                    audience.kept.popitem(last=False)
            return read_now

        return await self._together(audience, (after, last, filters), read)

    async def _together[Result](
        self, audience: _Audience, what: object, read: Callable[[], Coroutine[Any, Any, Result]]
    ) -> Result:
        """Read once for all who want the same at the same time."""
        key = audience.news, what
        flight = audience.flights.get(key)
        if flight is None:
            flight = asyncio.create_task(self._limited(read))
            audience.flights[key] = flight
            flight.add_done_callback(lambda done: _landed(audience, key, done))
        return await asyncio.shield(flight)

    async def _limited[Result](self, read: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
        async with self._reads, asyncio.timeout(STATEMENT_SECONDS):
            return await read()

    @contextlib.contextmanager
    def _seated(self, seat: Seat, job_ids: Mapping[uuid.UUID, int]) -> Any:
        wanted = list(job_ids)
        for job_id in wanted:
            self._audiences.setdefault(job_id, _Audience()).seats.add(seat)
        try:
            yield
        finally:
            for job_id in wanted:
                self._audiences[job_id].seats.discard(seat)
                if not self._audiences[job_id].seats:
                    del self._audiences[job_id]

    async def _fan_out(self) -> None:
        async with self._hub.subscribe(events.CHANNEL) as payloads:
            while True:
                payload = await payloads.get()
                for audience in self._concerned(payload):
                    audience.news += 1
                    for seat in audience.seats:
                        seat.flag.set()

    def _concerned(self, payload: str) -> list[_Audience]:
        if payload == RECONNECTED:
            return list(self._audiences.values())
        found = self._audiences.get(uuid.UUID(payload.partition(":")[0]))
        return [] if found is None else [found]


async def _gone(job_id: uuid.UUID, after: int, progress: job_views.Progress) -> list[Told]:
    """Says so when events that the reader should now get were removed."""
    if progress.last_sequence <= after:
        return []
    first = await event_pages.first(job_id)
    return [Gone(first)] if first is None or first > after + 1 else []


def _landed(audience: _Audience, key: object, done: asyncio.Task[Any]) -> None:
    audience.flights.pop(key, None)
    if not done.cancelled():
        done.exception()  # whoever waited has it; perhaps nobody does any more
