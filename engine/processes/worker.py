"""Starts a supervisor for each job that is due, and buries the runs whose supervisor died.

A worker can be ended, killed and started again at any time: runs belong to their supervisors. Whoever is the
worker of a KEELYARD_HOME watches the supervisors started from it, by their locks.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import procrastinate
import psycopg
import structlog
from procrastinate.exceptions import ConnectorException

from engine.domain.capacity import Capacity
from engine.domain.errors import MisconfiguredServer
from engine.processes import burial, embedded_postgresql, notice_sender, registration, run_lock, scheduler
from engine.processes.job_run import ArtifactSettings
from engine.processes.standby import Standby
from engine.processes.supervisor import Orders
from engine.services import runs, workers
from engine.services.encryption import Cipher
from engine.services.settings import Settings
from engine.store import database, events, idempotency_records, notifications, queue, sessions
from engine.store import workers as worker_rows

POLL_SECONDS = 0.5  # of the queue, when a notification was missed
SWEEP_SECONDS = 1.0
HOUSEKEEPING_SECONDS = 3600.0
SHUTDOWN_SECONDS = 5.0  # for the database to let go
STANDBY_SECONDS = 5.0
_LOST = (*database.CONNECTION_ERRORS, asyncpg.PostgresError, psycopg.Error, ConnectorException)
_LOG = structlog.get_logger(__name__)


class Worker:
    """The worker of one KEELYARD_HOME."""

    def __init__(self, database_url: str, settings: Settings, offers: Capacity) -> None:
        self._url = database_url
        self._settings = settings
        self._cipher = Cipher(settings.encryption_key)
        self._offers = offers
        self._name = registration.identity()
        self._registration = registration.Registration(self._name, offers)
        self._times = settings.lease_times
        self._undertaker = burial.Undertaker(self._name, self._cipher, self._times)
        self._children: dict[int, subprocess.Popen[bytes]] = {}
        self._starting = asyncio.Lock()
        self._asked: set[uuid.UUID] = set()  # jobs whose trigger came here
        self._about_to_look = False
        self._standby = Standby()
        self._look = asyncio.Event()  # something happened: sweep at once

    async def run(self) -> None:
        """Work until SIGTERM or SIGINT; runs go on then."""
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, stopping.set)
        await database.connect(self._url)
        drained = await self._registration.enter()
        self._standby.prepare()
        tasks = [
            asyncio.create_task(lasting(part), name=f"{part.__module__}.{part.__name__}")
            for part in (
                self._serve_queue,
                self._hear_of_work,
                self._registration.beat_forever,
                self._sweep_forever,
                self._keep_house,
                self._keep_server,
                scheduler.run,
                self._send_notices,
            )
        ]
        _LOG.info(
            "The worker is drained: it takes no jobs until it is resumed."
            if drained
            else "The worker is ready.",
            worker=self._name,
            forks=self._offers.forks,
            memory_mb=self._offers.memory_mb,
            runs=self._offers.runs,
        )
        stopped = asyncio.create_task(stopping.wait())
        try:
            done, _ = await asyncio.wait({stopped, *tasks}, return_when=asyncio.FIRST_COMPLETED)
            for task in done - {stopped}:
                task.result()
        finally:
            await self._end({stopped, *tasks})

    async def _end(self, tasks: set[asyncio.Task[Any]]) -> None:
        """End what this process does. A database that is gone must not keep it from ending."""
        for task in tasks:
            task.cancel()
        _, waiting = await asyncio.wait(tasks, timeout=SHUTDOWN_SECONDS)
        try:
            async with asyncio.timeout(SHUTDOWN_SECONDS):
                await self._undertaker.stop()
                async with self._starting:
                    self._standby.dismiss()
                await self._registration.leave()
                await database.close()
        except TimeoutError:
            waiting = tasks
        if waiting:
            _LOG.warning("The database does not let go of its connections; ending without it.")
            self._standby.dismiss()
            os._exit(0)

    async def look(self, triggered: uuid.UUID | None = None) -> None:
        """Start what is this worker's to start now; tell another of a triggered job that is better off there.

        A worker that is ended meanwhile finishes this first: a claimed job gets its supervisor.
        """
        if triggered is not None:
            self._asked.add(triggered)
        if not self._about_to_look:  # else the look that waits for its turn sees everything this one would
            self._about_to_look = True
            await asyncio.shield(self._take())

    async def _take(self) -> None:
        async with self._starting:
            self._about_to_look = False
            asked, self._asked = self._asked, set()
            placed = await workers.placement(self._name)
            for job_id in placed.mine:
                try:
                    await self._start(job_id)
                except _LOST:
                    raise
                except Exception:  # noqa: BLE001 - the jobs behind it shall start
                    _LOG.exception("A job could not be started; it is tried again.", job_id=str(job_id))
        for name in {placed.others[job_id] for job_id in asked if job_id in placed.others}:
            await worker_rows.wake(name)

    async def _start(self, job_id: uuid.UUID) -> None:
        lock = run_lock.take(job_id)
        if lock is None:
            return
        try:
            attempt = await workers.claim(job_id, self._name)
            if attempt is None:
                run_lock.forget(job_id)
            else:
                await self._launch(job_id, attempt, lock)
        finally:
            os.close(lock)

    async def _launch(self, job_id: uuid.UUID, attempt: int, lock: int) -> None:
        orders = Orders(
            job_id=job_id,
            attempt=attempt,
            database_url=self._url,
            encryption_key=self._settings.encryption_key,
            times=self._times,
            artifacts=ArtifactSettings(
                self._settings.keelyard_artifacts,
                self._settings.keelyard_bundle,
                self._settings.keelyard_bundle_public_key,
            ),
            forks=self._offers.forks,
            spool_megabytes=self._settings.event_spool_megabytes,
            reports_kept=self._settings.hardening_reports_kept,
        )
        try:
            child = self._standby.launch(orders, lock)
        except OSError as error:  # no process, or it died at once
            reason = f"No supervisor could be started: {error}."
            await runs.mark_interrupted(job_id, attempt, reason, self._cipher)
            return
        self._watch(child)
        _LOG.info("A supervisor has the job.", job_id=str(job_id), pid=child.pid)
        # The next one is loaded when this run's own start is over.
        asyncio.get_running_loop().call_later(STANDBY_SECONDS, self._standby.prepare)

    def _watch(self, child: subprocess.Popen[bytes]) -> None:
        """Collect a child the moment it ends, and look what it left."""
        descriptor = os.pidfd_open(child.pid)
        loop = asyncio.get_running_loop()
        self._children[descriptor] = child

        def ended() -> None:
            loop.remove_reader(descriptor)
            os.close(descriptor)
            self._children.pop(descriptor).wait()
            self._look.set()

        loop.add_reader(descriptor, ended)

    async def _serve_queue(self) -> None:
        """Be a worker of the queue; when its connection is lost, be one again."""
        while True:
            connector = procrastinate.PsycopgConnector(
                conninfo=self._url,
                kwargs={"options": f"-c role={database.RUNTIME_ROLE}"},
                min_size=1,
                max_size=4,
            )
            app = procrastinate.App(connector=connector)

            @app.task(name=queue.TASK)
            async def start_run(job_id: str) -> None:
                await self.look(uuid.UUID(job_id))

            try:
                async with app.open_async():
                    await app.run_worker_async(
                        queues=[queue.QUEUE],
                        name=self._name,
                        concurrency=4,
                        fetch_job_polling_interval=POLL_SECONDS,
                        abort_job_polling_interval=60.0,  # these tasks are over in a moment
                        delete_jobs="always",
                        install_signal_handlers=False,
                    )
            except _LOST as error:
                _LOG.warning("The queue's connection was lost; trying again.", error=repr(error))
            await asyncio.sleep(SWEEP_SECONDS)

    async def _hear_of_work(self) -> None:
        """A job's end makes room, and another worker may leave a job to this one."""
        hub = notifications.Hub(self._url, [worker_rows.WAKE_CHANNEL])
        async with hub.subscribe(worker_rows.WAKE_CHANNEL) as calls:
            await hub.start()
            try:
                while True:
                    if await calls.get() in ("", self._name):
                        with contextlib.suppress(*_LOST):  # the sweep says so, and looks again
                            await self.look()
            finally:
                await hub.stop()

    async def _sweep_forever(self) -> None:
        while True:
            try:
                await self._sweep()
            except _LOST as error:
                _LOG.warning("The database does not answer; runs go on meanwhile.", error=repr(error))
                await asyncio.sleep(SWEEP_SECONDS)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._look.wait(), SWEEP_SECONDS)
            self._look.clear()

    async def _sweep(self) -> None:
        try:
            await self._undertaker.look()
        finally:  # whatever is the matter with a dead run, those that wait shall start
            await self.look()

    async def _send_notices(self) -> None:
        await notice_sender.run(self._name, self._settings)

    async def _keep_house(self) -> None:
        while True:
            try:
                await events.make_partitions()
                if keep := self._settings.event_retention_months:
                    await events.drop_partitions(keep)
                await sessions.delete_expired()
                await idempotency_records.delete_expired()
                await worker_rows.remove_forgotten()
            except _LOST as error:
                _LOG.warning("Housekeeping waits for the database.", error=repr(error))
                await asyncio.sleep(SWEEP_SECONDS)
                continue
            await asyncio.sleep(HOUSEKEEPING_SECONDS)

    async def _keep_server(self) -> None:
        """An embedded PostgreSQL that was killed is started again."""
        if embedded_postgresql.instance().url() != self._url:
            await asyncio.Event().wait()
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            if await asyncio.to_thread(embedded_postgresql.revive):
                _LOG.warning("The embedded PostgreSQL was gone; it is started again.")


async def lasting(part: Callable[[], Awaitable[None]]) -> None:
    """Do a part of the worker's work as long as the worker lives; what nobody foresaw is logged and the part
    begun again, since runs have to be watched whatever else breaks.

    Raises MisconfiguredServer, which an operator has to mend.
    """
    while True:
        try:
            await part()
        except MisconfiguredServer:
            raise
        except Exception:  # noqa: BLE001 - see above
            _LOG.exception("A part of the worker broke; it begins again.", part=part.__name__)
        await asyncio.sleep(SWEEP_SECONDS)
