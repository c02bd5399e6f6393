"""What can be counted, and whether the state can be reached at all."""

from __future__ import annotations

import msgspec

from engine.domain.errors import ServiceUnavailable
from engine.store import cluster_views, database, jobs, scope, workers
from engine.store.workers import WorkerView


class Counts(msgspec.Struct, frozen=True):
    """How many jobs and clusters have each status, what the workers carry, and what waits for them."""

    jobs: dict[str, int]
    clusters: dict[str, int]
    workers: list[WorkerView]
    queue_depth: int  # jobs that could start if a worker had room
    queue_oldest_seconds: float


async def counts() -> Counts:
    """Jobs and clusters by status, workers and their queue."""
    with scope.everything():
        return await _counts()


async def _counts() -> Counts:
    queue = await workers.queue()
    return Counts(
        jobs=await jobs.counts(),
        clusters=await cluster_views.counts(),
        workers=await workers.every(),
        queue_depth=queue.depth,
        queue_oldest_seconds=queue.oldest_seconds,
    )


async def require_database() -> None:
    """Raises ServiceUnavailable when the database does not answer."""
    if not await database.reachable():
        raise ServiceUnavailable("The database does not answer.", remedy="Try again in a moment.")
