"""Carries a run's events to the database: numbered, spooled, then in batches."""

from __future__ import annotations

import asyncio
import collections
import time
import uuid
from collections.abc import Callable

import asyncpg
import structlog

from engine.domain.events import EventKind, RunEvent
from engine.processes.spool import Spool
from engine.services import runs
from engine.store import database, events, records

BATCH = 500
FLUSH_SECONDS = 0.1
RETRY_SECONDS = 0.5
STATEMENT_SECONDS = 15.0

_LOG = structlog.get_logger(__name__)


class EventWriter:
    """`record` may be called from any thread; `run` is the one task that writes."""

    def __init__(
        self, job_id: uuid.UUID, attempt: int, spool: Spool, *, on_fenced: Callable[[], None]
    ) -> None:
        self._job_id = job_id
        self._attempt = attempt
        self._spool = spool
        self._on_fenced = on_fenced
        self._pending: collections.deque[RunEvent] = collections.deque()
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        self.last_contact = time.monotonic()  # when the database answered last

    def record(self, event: RunEvent) -> None:
        """Number an event, write it to the spool, and have it written to the database soon."""
        numbered = self._spool.record(event)
        if numbered is not None:
            self._pending.append(numbered)
            self._loop.call_soon_threadsafe(self._wake.set)

    def say(self, text: str) -> None:
        """Record something that Keelyard itself has to say."""
        self.record(RunEvent(kind=EventKind.MESSAGE, created_at=records.now(), message=text))

    def rest(self, last: RunEvent) -> list[RunEvent]:
        """What is not written yet, and the run's last event behind it; call it once `run` has ended."""
        return [*self._pending, self._spool.number(last)]

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._pending:
                started = time.monotonic()
                if not await self._flush():
                    await asyncio.sleep(RETRY_SECONDS)
                elif len(self._pending) < BATCH:
                    await asyncio.sleep(max(0.0, FLUSH_SECONDS - (time.monotonic() - started)))

    async def _flush(self) -> bool:
        batch = [self._pending[place] for place in range(min(BATCH, len(self._pending)))]
        try:
            async with asyncio.timeout(STATEMENT_SECONDS):
                await runs.append(self._job_id, self._attempt, batch)
        except events.Fenced:
            _LOG.warning("The job belongs to another attempt now.", job_id=str(self._job_id))
            self._on_fenced()
            return False
        except (*database.CONNECTION_ERRORS, asyncpg.PostgresError) as error:
            _LOG.warning(
                "Events wait: the database does not answer.", error=str(error) or type(error).__name__
            )
            return False
        self.last_contact = time.monotonic()
        for _ in batch:
            self._pending.popleft()
        return True
