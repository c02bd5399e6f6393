"""One process per run: owns the job's lease, its events, its cancellation and its final status.

It is started by a worker in its own session and outlives it. What it needs comes through its standard input,
since arguments and environment can be read by others.
"""

from __future__ import annotations

import asyncio
import enum
import os
import signal
import threading
import time
import uuid

import asyncpg
import msgspec
import structlog

from engine.domain.errors import KeelyardError
from engine.domain.events import EventKind, RunEvent
from engine.domain.leases import LeaseTimes
from engine.domain.statuses import JobStatus
from engine.execution import pulse
from engine.processes import run_lock, scan_recording, spool
from engine.processes.event_writer import STATEMENT_SECONDS, EventWriter
from engine.processes.job_run import ArtifactSettings, JobRun, planned
from engine.services import hardening_reports, runs
from engine.services.encryption import Cipher
from engine.store import database, events, jobs, notifications, records

RETRY_SECONDS = 1.0
_LOG = structlog.get_logger(__name__)


class Orders(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker tells the supervisor it starts."""

    job_id: uuid.UUID
    attempt: int
    database_url: str
    encryption_key: str
    artifacts: ArtifactSettings
    forks: int | None = None  # of the worker; None = by the machine
    times: LeaseTimes = LeaseTimes()
    spool_megabytes: int = spool.LIMIT_BYTES // spool.MEGABYTE  # of events that the database has not taken
    reports_kept: int = hardening_reports.DEFAULT_KEPT  # of a cluster's scans, with all that they found

    def __repr__(self) -> str:
        return f"Orders(job_id={self.job_id}, attempt={self.attempt}, ...)"


class Cause(enum.Enum):
    """Why a run is stopped before its end; the value is what the job then tells."""

    CANCELLED = "Cancelled on request."
    STOPPED = "The supervisor was asked to stop (the machine goes down, or somebody ended it)."
    DATABASE = "The database did not answer for too long, so the run was stopped."
    FENCED = "The job was taken from this supervisor."
    SPOOL = "The events of this run could not be kept, so it was stopped."  # the spool says why
    EXPIRED = (
        "The run showed no life for almost a whole lease (was it paused, or its machine?) and was ended."
    )


class Supervisor:
    """Supervises one run."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self._job_id, self._attempt = orders.job_id, orders.attempt
        self._cipher = Cipher(orders.encryption_key)
        self._times = orders.times
        self._cancelled = threading.Event()
        self._cause: Cause | None = None
        self._pulse = pulse.Pulse()
        self._renewed = pulse.now()

    async def run(self) -> int:
        """Do the job; returns the exit code: 0 when its end is in the database."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self._stop, Cause.STOPPED)
        await database.connect(self._orders.database_url, maximum=4)
        hub = notifications.Hub(self._orders.database_url, [jobs.CANCEL_CHANNEL])
        limit = self._orders.spool_megabytes * spool.MEGABYTE
        log = spool.Spool(spool.path_of(self._job_id), self._attempt, limit=limit)
        writer = EventWriter(
            self._job_id,
            self._attempt,
            log,
            on_fenced=lambda: self._stop(Cause.FENCED),
            on_full=lambda: self._stop(Cause.SPOOL),
        )
        try:
            await hub.start()
            result = await self._supervised(writer, hub)
            ended = await self._finish(writer, result)
        finally:
            await hub.stop()
            await database.close()
        if not ended:
            log.close()
            return 1
        log.remove()
        run_lock.forget(self._job_id)
        return 0

    async def _supervised(self, writer: EventWriter, hub: notifications.Hub) -> runs.RunResult:
        try:
            sent = pulse.now()
            assignment = await runs.load(self._job_id, self._attempt, self._cipher, self._times.lease)
            self._may_go_on(sent)
            phases, tags = planned(assignment)
        except events.Fenced:
            self._stop(Cause.FENCED)
            return runs.RunResult(status=JobStatus.INTERRUPTED)
        except KeelyardError as error:
            return runs.RunResult(status=JobStatus.FAILED, message=str(error))
        skipped = frozenset(phase.slug for phase in phases if tags and phase.slug not in tags)
        await runs.begin(self._job_id, [(phase.slug, phase.name) for phase in phases], skipped)
        writer.record(
            RunEvent(
                kind=EventKind.JOB_STARTED,
                created_at=records.now(),
                data={
                    "type": assignment.job.type.value,
                    "phases": [{"slug": phase.slug, "name": phase.name} for phase in phases],
                    "skipped": sorted(skipped),
                },
            )
        )
        helpers = [
            asyncio.create_task(writer.run()),
            asyncio.create_task(self._keep_lease()),
            asyncio.create_task(self._listen_for_cancel(hub)),
        ]
        try:
            run = JobRun(
                assignment,
                self._orders.artifacts,
                record=writer.record,
                say=writer.say,
                cancelled=self._cancelled,
                forks=self._orders.forks,
                pulse=self._pulse,
            )
            result = await _in_own_thread(run)
            if run.scan is not None:
                result = await self._with_report(run.scan, result, writer)
            return self._judged(result, writer)
        finally:
            for helper in helpers:
                helper.cancel()
            for ended in await asyncio.gather(*helpers, return_exceptions=True):
                if isinstance(ended, Exception):  # the run came to its end without it
                    _LOG.error("A helper of the run broke.", job_id=str(self._job_id), exc_info=ended)

    async def _with_report(
        self, scan: hardening_reports.Scan, result: runs.RunResult, writer: EventWriter
    ) -> runs.RunResult:
        """The result, once what scanners found is kept; a run whose findings are lost has failed."""
        try:
            writer.say(
                await scan_recording.keep(
                    self._job_id,
                    self._attempt,
                    scan,
                    reports=self._orders.reports_kept,
                    patience=self._times.patience,
                )
            )
        except events.Fenced:
            self._stop(Cause.FENCED)
        except scan_recording.NotKept as error:
            writer.say(str(error))
            if result.status is JobStatus.SUCCESS:
                return msgspec.structs.replace(result, status=JobStatus.FAILED, message=str(error))
        return result

    def _judged(self, result: runs.RunResult, writer: EventWriter) -> runs.RunResult:
        """A run that was stopped tells why; one that got through before the stop is through."""
        cause = self._cause
        if cause is Cause.SPOOL and result.status is not JobStatus.SUCCESS:
            # Ansible may have failed of the same full disk before it could be stopped.
            return msgspec.structs.replace(
                result, status=JobStatus.INTERRUPTED, reason=writer.full, message=None
            )
        if result.status is JobStatus.INTERRUPTED:
            cause = cause or Cause.EXPIRED
        elif cause is None or result.status is not JobStatus.CANCELLED:
            return result
        status = JobStatus.CANCELLED if cause is Cause.CANCELLED else JobStatus.INTERRUPTED
        return msgspec.structs.replace(result, status=status, reason=cause.value, message=None)

    def _stop(self, cause: Cause) -> None:
        if self._cause is None:
            _LOG.info("The run is stopped.", job_id=str(self._job_id), cause=cause.name.lower())
            self._cause = cause
        if cause is Cause.FENCED:
            self._cause = cause  # whatever was asked for before: nothing may be changed any more
            self._pulse.until(0.0)
        self._cancelled.set()

    async def _keep_lease(self) -> None:
        while True:
            try:
                await self._renew()
            except events.Fenced:
                self._stop(Cause.FENCED)
            except (*database.CONNECTION_ERRORS, asyncpg.PostgresError):
                if pulse.now() - self._renewed > self._times.patience:
                    self._stop(Cause.DATABASE)
                await asyncio.sleep(min(RETRY_SECONDS, self._times.renew))
                continue
            await asyncio.sleep(self._times.renew)

    async def _renew(self) -> None:
        """Show life; what gets through lets the run go on, counted from when it was sent.

        Raises events.Fenced when the job is another's.
        """
        sent = pulse.now()
        async with asyncio.timeout(min(STATEMENT_SECONDS, self._times.patience)):
            lease = await runs.renew(self._job_id, self._attempt)
        if not lease.ours:
            raise events.Fenced(f"Job {self._job_id} is not run by attempt {self._attempt} any more.")
        self._may_go_on(sent)
        if lease.cancel_requested:
            self._stop(Cause.CANCELLED)

    def _may_go_on(self, sent: float) -> None:
        self._renewed = sent
        self._pulse.until(sent + self._times.leash)

    async def _listen_for_cancel(self, hub: notifications.Hub) -> None:
        """The lease's renewal sees a cancel too, a few seconds later."""
        async with hub.subscribe(jobs.CANCEL_CHANNEL) as payloads:
            while True:
                if await payloads.get() == str(self._job_id):
                    self._stop(Cause.CANCELLED)

    async def _finish(self, writer: EventWriter, result: runs.RunResult) -> bool:
        """Write the end; without a database, keep trying as long as the lease might still be ours."""
        if self._cause is Cause.FENCED:
            return False
        last = writer.last(runs.finished_event(result))
        answered = time.monotonic()
        while True:
            try:
                if writer.waiting:
                    await writer.flush()
                    if pulse.now() - self._renewed > self._times.renew:
                        await self._renew()
                    answered = time.monotonic()
                    continue
                async with asyncio.timeout(STATEMENT_SECONDS):
                    return await runs.finish(self._job_id, self._attempt, result, [last], self._cipher)
            except (events.Fenced, events.SequenceGap):
                return False
            except (*database.CONNECTION_ERRORS, asyncpg.PostgresError) as error:
                _LOG.warning("The end of the run waits for the database.", error=str(error))
                if time.monotonic() - answered > self._times.patience:
                    return False
                await asyncio.sleep(RETRY_SECONDS)


async def _in_own_thread(run: JobRun) -> runs.RunResult:
    """The thread lives as long as the run: the playbook's leash is tied to the thread that started it."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[runs.RunResult] = loop.create_future()

    def play() -> None:
        result = run.play()
        loop.call_soon_threadsafe(done.set_result, result)

    threading.Thread(target=play, name="run").start()
    return await done


def supervise(orders: Orders, lock: int) -> int:
    """Run a supervisor to its end in this process."""
    try:
        return asyncio.run(Supervisor(orders).run())
    finally:
        os.close(lock)  # from here on this process counts as dead
