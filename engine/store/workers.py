"""Rows of workers, what their runs take of them, and what waits for one of them."""

from __future__ import annotations

import uuid
from datetime import datetime

import msgspec

from engine.domain import capacity
from engine.domain.capacity import Capacity, Load, Waiting, WorkerState
from engine.store import database, jobs, records, rows

WAKE_CHANNEL = "worker_wake"  # payload: a worker's name; empty = all look for jobs
FORGET_DAYS = 7  # a worker that was not heard of for so long is removed

#: Nodes that a job's run works on.
_NODES = """
    (SELECT greatest(count(*), 1) FROM node
     WHERE node.cluster_id = job.cluster_id AND node.status <> 'removed')"""

_SELECT = f"""
    SELECT worker.*, extract(epoch FROM now() - worker.last_seen)::float8 AS silent_seconds,
        coalesce(taken.forks, 0)::int AS forks_used, coalesce(taken.jobs, '{{}}'::text[]) AS jobs
    FROM worker LEFT JOIN LATERAL (
        SELECT sum(least(running.nodes, worker.forks)) AS forks,
            array_agg(running.id::text ORDER BY running.started_at) AS jobs
        FROM (SELECT job.id, job.started_at, {_NODES} AS nodes FROM job
              WHERE job.status = 'running' AND job.worker = worker.name) running) taken ON true"""


class WorkerView(msgspec.Struct, frozen=True, kw_only=True):
    """A worker with its load, as the database sees it now."""

    name: str
    hostname: str
    version: str
    forks: int
    memory_mb: int
    runs_limit: int | None
    drained: bool
    started_at: datetime
    last_seen: datetime
    stopped_at: datetime | None
    silent_seconds: float
    forks_used: int
    jobs: list[str]  # ids of its running jobs, oldest first

    @property
    def capacity(self) -> Capacity:
        """What it offers."""
        return Capacity(forks=self.forks, memory_mb=self.memory_mb, runs=self.runs_limit)

    @property
    def load(self) -> Load:
        """What its runs take."""
        memory = len(self.jobs) * capacity.RUN_MEGABYTES + self.forks_used * capacity.FORK_MEGABYTES
        return Load(forks=self.forks_used, memory_mb=memory, runs=len(self.jobs))

    @property
    def state(self) -> WorkerState:
        """What can be expected of it."""
        return capacity.state(
            drained=self.drained,
            stopped=self.stopped_at is not None,
            silent_seconds=self.silent_seconds,
            runs=len(self.jobs),
        )


class Obstacle(msgspec.Struct, frozen=True, kw_only=True):
    """What stands before a queued job: another of its cluster, or its place among those that could start."""

    job_id: uuid.UUID
    blocking_id: uuid.UUID | None
    blocking_type: str | None
    blocking_status: str | None
    position: int | None  # from 1


class Queue(msgspec.Struct, frozen=True, kw_only=True):
    """How much waits for a worker, leaving out what waits for its own cluster."""

    depth: int
    oldest_seconds: float


async def register(worker: records.Worker) -> records.Worker:
    """Make a worker known, or known again: an operator's drain stays."""
    sql = """
        INSERT INTO worker (name, hostname, version, forks, memory_mb, runs_limit)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (name) DO UPDATE SET hostname = excluded.hostname, version = excluded.version,
            forks = excluded.forks, memory_mb = excluded.memory_mb, runs_limit = excluded.runs_limit,
            started_at = now(), last_seen = now(), stopped_at = NULL
        RETURNING *"""
    found = await rows.one(
        records.Worker,
        sql,
        worker.name,
        worker.hostname,
        worker.version,
        worker.forks,
        worker.memory_mb,
        worker.runs_limit,
    )
    assert found is not None
    return found


async def beat(name: str) -> bool:
    """Show life; False when nobody knows the worker any more."""
    sql = "UPDATE worker SET last_seen = now(), stopped_at = NULL WHERE name = $1 RETURNING name"
    return await database.fetch_one(sql, name) is not None


async def stop(name: str, started_at: datetime) -> None:
    """Note that a worker's process ends by itself, unless another process has taken its place."""
    sql = "UPDATE worker SET stopped_at = now() WHERE name = $1 AND started_at = $2"
    await database.fetch(sql, name, started_at)


async def set_drained(name: str, *, drained: bool) -> bool:
    """Drain or resume; once it returned, no claim of a drained worker is under way. False: no such worker."""
    sql = "UPDATE worker SET drained = $2 WHERE name = $1 RETURNING name"
    return await database.fetch_one(sql, name, drained) is not None


async def remove(name: str) -> None:
    """Forget a worker."""
    await database.fetch("DELETE FROM worker WHERE name = $1", name)


async def remove_forgotten() -> list[str]:
    """Forget workers that were not heard of for long and have no running job; their names."""
    sql = """
        DELETE FROM worker WHERE last_seen < now() - make_interval(days => $1)
        AND NOT EXISTS (SELECT 1 FROM job WHERE job.status = 'running' AND job.worker = worker.name)
        RETURNING name"""
    return [row["name"] for row in await database.fetch(sql, FORGET_DAYS)]


async def get(name: str) -> WorkerView | None:
    """The worker of this name."""
    return await rows.one(WorkerView, f"{_SELECT} WHERE worker.name = $1", name)


async def lock(name: str) -> None:
    """Keep claims and drains of a worker apart until the transaction ends."""
    await database.fetch("SELECT 1 FROM worker WHERE name = $1 FOR UPDATE", name)


async def every() -> list[WorkerView]:
    """All workers, by name."""
    return await rows.many(WorkerView, f"{_SELECT} ORDER BY worker.name")


async def nodes_of(job_id: uuid.UUID) -> int:
    """On how many nodes a job's run works."""
    row = await database.fetch_one(f"SELECT {_NODES} AS nodes FROM job WHERE id = $1", job_id)
    return 1 if row is None else int(row["nodes"])


async def waiting(limit: int) -> list[Waiting]:
    """Queued jobs that nothing in their cluster stands before, oldest first."""
    sql = f"""
        SELECT job.id AS job_id, {_NODES} AS nodes,
            extract(epoch FROM now() - job.created_at)::float8 AS age_seconds
        FROM job WHERE {jobs.STARTABLE} ORDER BY job.created_at, job.id LIMIT $1"""
    return await rows.many(Waiting, sql, limit)


async def queue() -> Queue:
    """How much waits for a worker now."""
    sql = f"""
        SELECT count(*) AS depth,
            coalesce(extract(epoch FROM now() - min(job.created_at)), 0)::float8 AS oldest_seconds
        FROM job WHERE {jobs.STARTABLE}"""
    found = await rows.one(Queue, sql)
    assert found is not None
    return found


async def obstacles(job_ids: list[uuid.UUID]) -> list[Obstacle]:
    """What stands before each of these queued jobs."""
    sql = f"""
        WITH startable AS (
            SELECT job.id, row_number() OVER (ORDER BY job.created_at, job.id) AS position
            FROM job WHERE {jobs.STARTABLE})
        SELECT job.id AS job_id, blocking.id AS blocking_id, blocking.type AS blocking_type,
            blocking.status AS blocking_status, startable.position
        FROM job
        LEFT JOIN startable ON startable.id = job.id
        LEFT JOIN LATERAL (
            SELECT other.id, other.type, other.status FROM job other
            WHERE other.cluster_id = job.cluster_id AND other.id <> job.id
                AND other.status IN ('queued', 'running')
                AND (other.status = 'running' OR (other.created_at, other.id) < (job.created_at, job.id))
            ORDER BY other.status DESC, other.created_at, other.id LIMIT 1) blocking ON true
        WHERE job.id = ANY($1) AND job.status = 'queued'"""
    return await rows.many(Obstacle, sql, job_ids)


async def wake(name: str = "") -> None:
    """Let a worker, or all of them, look for jobs once the transaction commits."""
    await database.fetch("SELECT pg_notify($1, $2)", WAKE_CHANNEL, name)


async def jobs_in_sight(job_ids: list[uuid.UUID]) -> set[str]:
    """Which of the jobs the scope of tenants shows."""
    found = await database.fetch("SELECT id FROM job WHERE id = ANY($1)", job_ids) if job_ids else []
    return {str(row["id"]) for row in found}
