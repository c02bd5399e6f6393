"""What is done for a run whose supervisor is dead: its processes here and on the nodes, events, status.

A worker buries the runs of its own KEELYARD_HOME, whose supervisors' locks it can see. A run of another
worker that has shown no life for a whole lease it first takes over, which fences the rest of its supervisor.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
import uuid
from collections.abc import Callable, Sequence

import asyncpg
import msgspec
import structlog

from engine.domain.errors import KeelyardError
from engine.domain.events import EventKind
from engine.domain.leases import LeaseTimes
from engine.domain.specs import ClusterSpec
from engine.execution import host_keys, remote_cleanup, run_directory, termination
from engine.processes import job_run, run_lock, spool
from engine.services import runs, workers
from engine.services.encryption import Cipher
from engine.store import database, events, jobs, records

REASON = "The supervisor of this run died. Nothing was repeated; retry resumes at the first unfinished phase."
SILENT = (
    "The worker of this run showed no life for a whole lease. Nothing was repeated; retry resumes at the "
    "first unfinished phase."
)
SPARED_SECONDS = 8.0  # for package managers and the like to end by themselves before the cluster is free
AFTERWARDS = "it is left to end, and the next run of this cluster waits for it"
_LOG = structlog.get_logger(__name__)


class LeaseWatch:
    """Tells which runs are dead by watching that they show no life, on a clock of our own.

    Neither the database's clock nor another machine's is asked: one that jumps makes nobody dead and keeps
    nobody alive.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[uuid.UUID, tuple[object, float]] = {}

    def silent(self, running: Sequence[records.Job]) -> list[records.Job]:
        """Those whose lease has not changed for its whole length while this watch looked."""
        now = self._clock()
        seen = {}
        for job in running:
            sign = (job.attempt, job.lease_until)
            before = self._seen.get(job.id)
            seen[job.id] = before if before is not None and before[0] == sign else (sign, now)
        self._seen = seen
        return [job for job in running if now - seen[job.id][1] >= job.lease_seconds]


class Undertaker:
    """Buries for one worker, several runs at a time; `look` never waits for a burial."""

    def __init__(self, worker: str, cipher: Cipher, times: LeaseTimes) -> None:
        self._worker = worker
        self._cipher = cipher
        self._times = times
        self._watch = LeaseWatch()
        self._burials: dict[uuid.UUID, asyncio.Task[None]] = {}

    async def look(self) -> None:
        """Start what is to be done for dead runs, silent runs of others, and rests of ended ones."""
        mine = await jobs.running_of_worker(self._worker)
        for job in mine:
            if not run_lock.held(job.id):
                self._start(job, REASON)
        for job in self._watch.silent(await jobs.running_of_others(self._worker)):
            await self._take(job)
        await self._clear_ended()

    async def stop(self) -> None:
        """End without finishing: the next worker of this home goes on."""
        for burial in self._burials.values():
            burial.cancel()
        await asyncio.gather(*self._burials.values(), return_exceptions=True)

    async def _clear_ended(self) -> None:
        """A run that goes on is left alone wherever it does: two workers may share one machine."""
        known = set(run_lock.all_known()) - self._burials.keys()
        if known:
            for job_id in known - await jobs.active_among(known):
                try:
                    await clear(job_id)
                except OSError as error:
                    _LOG.warning("What a run left cannot be removed.", job_id=str(job_id), error=str(error))

    async def _take(self, job: records.Job) -> None:
        if job.supervisor_pid is None:
            if await workers.give_back(job):
                _LOG.warning("A claimed job was never begun; it waits again.", job_id=str(job.id))
            return
        taken = await jobs.take_over(job, self._worker)
        if taken is not None:
            _LOG.warning("A silent run was taken over.", job_id=str(job.id), worker=job.worker)
            self._start(taken, SILENT)

    def _start(self, job: records.Job, reason: str) -> None:
        if job.id not in self._burials:
            burial = asyncio.create_task(self._bury(job, reason), name=f"burial-{job.id}")
            self._burials[job.id] = burial
            burial.add_done_callback(lambda _: self._burials.pop(job.id))

    async def _bury(self, job: records.Job, reason: str) -> None:
        try:
            await bury(job, self._cipher, reason=reason, times=self._times)
        except (*database.CONNECTION_ERRORS, asyncpg.PostgresError, KeelyardError) as error:
            _LOG.warning(
                "A burial waits.", job_id=str(job.id), error=repr(error)
            )  # the next look tries again
        except Exception:  # noqa: BLE001 - the same, but nobody foresaw it
            _LOG.exception("A burial broke; it is tried again.", job_id=str(job.id))


async def bury(
    job: records.Job, cipher: Cipher, *, reason: str = REASON, times: LeaseTimes | None = None
) -> bool:
    """Mark a run as interrupted once nothing of it is left and its spool is in the log.

    Returns False when it is alive, or had ended by itself. What goes on on a node (a package manager,
    kubeadm), and nodes that could not be looked at, are told in the job's log.
    """
    here = run_lock.path_of(job.id).exists()  # else it was another machine's
    lock = run_lock.take(job.id)  # held until the end: nobody else buries it meanwhile
    if lock is None:
        return False
    shown = asyncio.create_task(_show_life(job, times or LeaseTimes()))
    try:
        if here:
            await asyncio.to_thread(termination.reap_local, str(job.id))
        told: list[str] = []
        learned, _ = await asyncio.gather(_end_on_nodes(job, cipher, told.append), _drain(job))
        await asyncio.to_thread(_remove_directory, job.id)
        interrupted = await runs.mark_interrupted(
            job.id, job.attempt, reason, cipher, told=told, host_keys=learned
        )
        if interrupted:
            _LOG.warning("A run was interrupted.", job_id=str(job.id))
        _forget(job.id)
        return interrupted
    finally:
        shown.cancel()
        os.close(lock)


async def clear(job_id: uuid.UUID) -> None:
    """Remove what an ended run left on this machine: its supervisor was fenced, or killed at the very end."""
    lock = run_lock.take(job_id)
    if lock is None:
        return
    try:
        await asyncio.to_thread(termination.reap_local, str(job_id))
        await asyncio.to_thread(_remove_directory, job_id)
        _forget(job_id)
    finally:
        os.close(lock)


async def _show_life(job: records.Job, times: LeaseTimes) -> None:
    """While a run is buried nobody else takes it over."""
    while True:
        await asyncio.sleep(times.renew)
        with contextlib.suppress(*database.CONNECTION_ERRORS, asyncpg.PostgresError):
            await runs.renew(job.id, job.attempt)


async def _end_on_nodes(
    job: records.Job, cipher: Cipher, say: Callable[[str], None]
) -> dict[str, tuple[str, ...]]:
    """Sweep the nodes; returns the host keys that the run had learned and could not tell any more."""
    try:
        site = await runs.site(job, cipher)
    except KeelyardError as error:
        say(f"The nodes could not be looked at: {error}")
        return {}
    learned = _learned(job, site.spec)
    spec = msgspec.structs.replace(
        site.spec,
        nodes=tuple(
            msgspec.structs.replace(node, host_keys=learned.get(node.name, node.host_keys))
            for node in site.spec.nodes
        ),
    )
    orders = remote_cleanup.Orders(run_ids=[str(job.id)], wait_seconds=SPARED_SECONDS, afterwards=AFTERWARDS)

    def sweep() -> None:
        with run_directory.kept(f"sweep-{job.id}") as directory:
            job_run.end_on_nodes(directory, spec, site.secrets, orders, say)

    try:
        await asyncio.to_thread(sweep)
    except (KeelyardError, OSError) as error:
        say(f"The nodes could not be looked at: {error}")
    return learned


def _learned(job: records.Job, spec: ClusterSpec) -> dict[str, tuple[str, ...]]:
    """Keys in the dead run's directory of nodes that had none before: trusted once, pinned from then on."""
    new = {node.name: (node.ip_address, node.ssh_port) for node in spec.nodes if not node.host_keys}
    return host_keys.known_in(run_directory.path_of(str(job.id)) / "known_hosts", new)


async def _drain(job: records.Job) -> None:
    """Write what the supervisor had seen but not yet written."""
    try:
        for batch in spool.read(spool.path_of(job.id)):
            told = [event for event in batch if event.kind is not EventKind.JOB_FINISHED]
            await runs.append(job.id, job.attempt, told)
    except (events.Fenced, events.SequenceGap) as error:
        _LOG.warning("The spool of a dead run does not fit its events.", job_id=str(job.id), error=str(error))


def _remove_directory(job_id: uuid.UUID) -> None:
    run_directory.remove(run_directory.path_of(str(job_id)))
    run_directory.remove(run_directory.path_of(f"sweep-{job_id}"))


def _forget(job_id: uuid.UUID) -> None:
    spool.path_of(job_id).unlink(missing_ok=True)
    run_lock.forget(job_id)
