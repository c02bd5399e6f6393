"""Carries a run's events to the database: numbered, spooled, then in batches read back from the spool.

Memory holds one batch at a time, however long the database is away.
"""

from __future__ import annotations

import asyncio
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
        self,
        job_id: uuid.UUID,
        attempt: int,
        spool: Spool,
        *,
        on_fenced: Callable[[], None],
        on_full: Callable[[], None],
    ) -> None:
        self._job_id = job_id
        self._attempt = attempt
        self._spool = spool
        self._on_fenced = on_fenced
        self._on_full = on_full
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        self._waking = False  # the loop is told once, not for each event of a flood

    @property
    def waiting(self) -> bool:
        """Whether events are written down and not in the database."""
        return self._spool.waiting > 0

    @property
    def full(self) -> str:
        """Why no more events can be written down, for the operator; empty when they can."""
        return self._spool.full

    def record(self, event: RunEvent) -> None:
        """Number an event, write it to the spool, and have it written to the database soon."""
        self._spool.record(event)
        if self._spool.full:
            self._on_full()
        if not self._waking:
            self._waking = True
            self._loop.call_soon_threadsafe(self._woken)

    def say(self, text: str) -> None:
        """Record something that Keelyard itself has to say."""
        self.record(RunEvent(kind=EventKind.MESSAGE, created_at=records.now(), message=text))

    def last(self, event: RunEvent) -> RunEvent:
        """The run's last event with its number; it is not spooled. Call it when nobody records any more."""
        if self._spool.left_out:
            _LOG.warning("Events could not be kept.", job_id=str(self._job_id), left_out=self._spool.left_out)
        return self._spool.number(event)

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self.waiting:
                started = time.monotonic()
                if not await self._flushed():
                    await asyncio.sleep(RETRY_SECONDS)
                elif self._spool.waiting < BATCH:
                    await asyncio.sleep(max(0.0, FLUSH_SECONDS - (time.monotonic() - started)))

    async def flush(self) -> None:
        """Write the next batch; raises events.Fenced, events.SequenceGap and what a lost database raises."""
        batch = self._spool.batch(BATCH)
        if not batch:
            return
        async with asyncio.timeout(STATEMENT_SECONDS):
            await runs.append(self._job_id, self._attempt, batch)
        self._spool.taken()

    async def _flushed(self) -> bool:
        try:
            await self.flush()
        except events.Fenced:
            _LOG.warning("The job belongs to another attempt now.", job_id=str(self._job_id))
            self._on_fenced()
            return False
        except events.SequenceGap as error:
            # A server that lost what it had confirmed, as after a crash without synchronous commits.
            _LOG.warning("The database lacks events; they are sent again.", error=str(error))
            self._spool.rewind()
            return False
        except (*database.CONNECTION_ERRORS, asyncpg.PostgresError) as error:
            _LOG.warning(
                "Events wait: the database does not answer.", error=str(error) or type(error).__name__
            )
            return False
        return True

    def _woken(self) -> None:
        self._waking = False
        self._wake.set()
