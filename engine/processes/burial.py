"""What is done for a run whose supervisor is dead: its processes, its events, its secrets, its status."""

from __future__ import annotations

import asyncio
import os
import uuid

import structlog

from engine.domain.events import EventKind
from engine.execution import run_directory, termination
from engine.processes import run_lock, spool
from engine.services import runs
from engine.services.encryption import Cipher
from engine.store import events, records

REASON = "The supervisor of this run died. Nothing was repeated; retry resumes at the first unfinished phase."
_LOG = structlog.get_logger(__name__)


async def bury(job: records.Job, cipher: Cipher) -> bool:
    """Mark a run as interrupted once nothing of it is left on this machine and its spool is in the log.

    Returns False when it is alive, or had ended by itself.
    """
    lock = run_lock.take(job.id)  # held until the end: nobody else buries it meanwhile
    if lock is None:
        return False
    try:
        killed = await asyncio.to_thread(termination.reap_local, str(job.id))
        await _drain(job)
        await asyncio.to_thread(run_directory.remove, run_directory.path_of(str(job.id)))
        interrupted = await runs.mark_interrupted(job.id, job.attempt, REASON, cipher)
        if interrupted:
            _LOG.warning("A run was interrupted.", job_id=str(job.id), processes_killed=killed)
        spool.path_of(job.id).unlink(missing_ok=True)
        run_lock.forget(job.id)
        return interrupted
    finally:
        os.close(lock)


async def _drain(job: records.Job) -> None:
    """Write what the supervisor had seen but not yet written."""
    try:
        for batch in spool.read(spool.path_of(job.id)):
            told = [event for event in batch if event.kind is not EventKind.JOB_FINISHED]
            await runs.append(job.id, job.attempt, told)
    except (events.Fenced, events.SequenceGap) as error:
        _LOG.warning("The spool of a dead run does not fit its events.", job_id=str(job.id), error=str(error))


def remove_abandoned_directories() -> None:
    """Remove run directories that no supervisor holds: leftovers of a machine that went down."""
    for directory in run_directory.abandoned(set()):
        try:
            job_id = uuid.UUID(directory.name)
        except ValueError:
            continue  # another command's run
        if run_lock.path_of(job_id).exists() and not run_lock.held(job_id):
            run_directory.remove(directory)
