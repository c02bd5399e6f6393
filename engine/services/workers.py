"""Workers: which there are, what they take, and what an operator does with them."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from typing import Any

import asyncpg
import msgspec

from engine.domain import capacity, permissions
from engine.domain.capacity import Candidate, WorkerState
from engine.domain.errors import Conflict, NotFound
from engine.domain.permissions import Permission, Principal
from engine.services import audit_log, runs
from engine.services.identity import Caller
from engine.store import database, jobs, records, scope, workers
from engine.store.workers import WorkerView

__all__ = ["WorkerView"]

GONE = (WorkerState.LOST, WorkerState.STOPPED)
_CONSIDERED = 100  # queued jobs looked at in one go; the next look takes the next


class Placement(msgspec.Struct, frozen=True, kw_only=True):
    """Which jobs are one worker's to start now, and who takes which other."""

    mine: list[uuid.UUID]
    others: dict[uuid.UUID, str]


# -- what a worker does --


async def placement(name: str) -> Placement:
    """What a worker should start now, oldest first."""
    waiting = await workers.waiting(_CONSIDERED)
    if not waiting:
        return Placement(mine=[], others={})
    candidates = [
        Candidate(name=worker.name, capacity=worker.capacity, load=worker.load)
        for worker in await workers.every()
        if worker.state is WorkerState.READY
    ]
    placed = capacity.place(candidates, waiting, name)
    return Placement(
        mine=[job_id for job_id, worker in placed.items() if worker == name],
        others={job_id: worker for job_id, worker in placed.items() if worker != name},
    )


async def claim(job_id: uuid.UUID, name: str) -> int | None:
    """Make a queued job this worker's, if it is not drained and has room; the attempt number, or None."""
    try:
        async with database.transaction():
            await workers.lock(name)
            worker = await workers.get(name)
            if worker is None or worker.drained:
                return None
            if not capacity.fits(await workers.nodes_of(job_id), worker.capacity, worker.load):
                return None
            return await runs.claim(job_id, name)
    except asyncpg.UniqueViolationError:  # another job of the cluster was claimed in the same moment
        return None


async def give_back(seen: records.Job) -> bool:
    """Queue again what a worker claimed and, frozen or gone, never started a supervisor for."""
    async with database.transaction():
        job = await jobs.give_back(seen)
        if job is None:
            return False
        if job.cancel_requested_at is not None:
            await runs.cancel(job.id)
        else:
            await runs.derive_status(job.cluster_id)
        await workers.wake()
    return True


# -- what is shown --


async def page(principal: Principal, *, page: int, page_size: int) -> tuple[list[WorkerView], int]:
    """Workers by name, and how many there are."""
    permissions.require(principal, Permission.WORKER_READ)
    found = await every()
    return found[(page - 1) * page_size : page * page_size], len(found)


async def visible_jobs(found: Sequence[WorkerView]) -> set[str]:
    """Those of the workers' jobs that the caller may know of."""
    return await workers.jobs_in_sight([uuid.UUID(job) for worker in found for job in worker.jobs])


async def get(principal: Principal, name: str) -> WorkerView:
    """The worker of this name; raises NotFound."""
    permissions.require(principal, Permission.WORKER_READ)
    return await find(name)


async def every() -> list[WorkerView]:
    """All workers by name, for the command line."""
    with scope.everything():  # what other tenants' jobs take of a worker counts too
        return await workers.every()


async def find(name: str) -> WorkerView:
    """The worker of this name, for the command line; raises NotFound."""
    with scope.everything():
        found = await workers.get(name) if name.isprintable() else None
    if found is None:
        raise NotFound(f"There is no worker {name[:100]!r}.", remedy="GET /api/v1/workers lists them.")
    return found


def shown(worker: WorkerView, visible: Collection[str] | None = None) -> dict[str, Any]:
    """A worker's members as every surface shows them; of its jobs only the visible ones, if not all are."""
    load = worker.load
    return {
        "name": worker.name,
        "hostname": worker.hostname,
        "version": worker.version,
        "state": worker.state.value,
        "drained": worker.drained,
        "forks": worker.forks,
        "forks_used": load.forks,
        "memory_mb": worker.memory_mb,
        "memory_mb_used": load.memory_mb,
        "concurrency": worker.runs_limit,
        "jobs": [job for job in worker.jobs if visible is None or job in visible],
        "started_at": worker.started_at,
        "last_seen": worker.last_seen,
        "silent_seconds": round(max(0.0, worker.silent_seconds), 1),
    }


async def waiting_for(job_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, str]:
    """For each of the jobs that is queued: what it waits for, for the operator to read."""
    if not job_ids:
        return {}
    with scope.everything():  # the queue is everybody's
        found = await workers.obstacles(list(job_ids))
        known = await workers.every() if found else []
    return {obstacle.job_id: _told(obstacle, known) for obstacle in found}


def _told(obstacle: workers.Obstacle, known: list[WorkerView]) -> str:
    if obstacle.blocking_id is not None:
        return (
            f"The cluster's {obstacle.blocking_type} job {obstacle.blocking_id}, "
            f"which is {obstacle.blocking_status}: a cluster has one running job at a time."
        )
    if obstacle.position is None:  # it is being cancelled
        return "Its cancellation."
    place = f"position {obstacle.position} in the queue"
    states = [worker.state for worker in known]
    if not states:
        return f"A worker: none has registered yet ({place}). `keelyard worker` starts one."
    if WorkerState.READY not in states:
        counted = ", ".join(
            f"{states.count(state)} {state.value}" for state in WorkerState if state in states
        )
        return f"A worker: none takes jobs now ({counted}; {place})."
    return f"Room on a worker: {place}."


# -- what operators do --


async def drain(name: str, caller: Caller) -> WorkerView:
    """Let a worker start nothing more; what it runs goes on. Doing it again changes nothing.

    Raises NotFound.
    """
    return await _set_drained(name, caller, Permission.WORKER_DRAIN, drained=True)


async def resume(name: str, caller: Caller) -> WorkerView:
    """Let a drained worker take jobs again. Raises NotFound."""
    return await _set_drained(name, caller, Permission.WORKER_RESUME, drained=False)


async def remove(name: str, caller: Caller) -> None:
    """Forget a worker that is gone. Raises NotFound, and Conflict while it lives or its runs are not over."""
    _allowed(caller, Permission.WORKER_DELETE)
    async with database.transaction():
        await workers.lock(name)
        worker = await find(name)
        if worker.state not in GONE:
            raise Conflict(
                f"Worker {name} is {worker.state.value}; only one that is lost or stopped can be removed.",
                remedy="End its process first; drain it before, so that no run is cut short.",
            )
        if worker.jobs:
            raise Conflict(
                f"Worker {name} still has {len(worker.jobs)} running jobs.",
                remedy="They end by themselves, or become interrupted when their leases run out.",
            )
        await workers.remove(name)
        await _record(caller, Permission.WORKER_DELETE, worker)


async def _set_drained(name: str, caller: Caller, permission: Permission, *, drained: bool) -> WorkerView:
    _allowed(caller, permission)
    async with database.transaction():
        worker = await find(name)
        await workers.set_drained(name, drained=drained)
        if not drained:
            await workers.wake(name)
        await _record(caller, permission, worker)
        return await find(name)


def _allowed(caller: Caller, permission: Permission) -> None:
    """Whoever has the database may do it without an account: that is the command line."""
    if caller.principal is not None:
        permissions.require(caller.principal, permission)


async def _record(caller: Caller, permission: Permission, worker: WorkerView) -> None:
    await audit_log.record(
        caller, permission.value, audit_log.Resource("worker", worker.name, worker.hostname)
    )
