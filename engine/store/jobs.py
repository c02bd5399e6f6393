"""Rows of jobs, and the fenced statements by which a run owns its job.

Whoever claimed a job knows its attempt number; every later statement of that run names it, so a copy that
lost the job changes nothing.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection

import msgspec

from engine.domain.estimates import Expectation
from engine.domain.leases import DEFAULT_SECONDS
from engine.domain.statuses import JobStatus, JobType
from engine.store import database, records, rows

START_SECONDS = 30.0  # from a claim until the supervisor's first word; else somebody else may have the job
CANCEL_CHANNEL = "job_cancel"  # payload: job id

_KNOWN_TYPES = [each.value for each in JobType]

#: Queued jobs that nothing stands before: no running job and no older queued one in their cluster.
STARTABLE = """
    job.status = 'queued' AND job.cancel_requested_at IS NULL
    AND NOT EXISTS (
        SELECT 1 FROM job other WHERE other.cluster_id = job.cluster_id AND other.id <> job.id
        AND other.status IN ('queued', 'running')
        AND (other.status = 'running'
             OR other.status = 'queued' AND (other.created_at, other.id) < (job.created_at, job.id)))"""


async def add(job: records.Job) -> None:
    """Write a new job; trigger it in the same transaction with `queue.trigger`."""
    await rows.insert("job", job)


async def get(job_id: uuid.UUID, *, lock: bool = False) -> records.Job | None:
    """The job with this id; locked until the transaction ends if asked."""
    sql = "SELECT * FROM job WHERE id = $1" + (" FOR UPDATE" if lock else "")
    return await rows.one(records.Job, sql, job_id)


async def last_sequence(job_id: uuid.UUID) -> int:
    """How many events of a job are stored; locks the job until the transaction ends."""
    row = await database.fetch_one("SELECT last_sequence FROM job WHERE id = $1 FOR UPDATE", job_id)
    return 0 if row is None else int(row["last_sequence"])


async def expect(job_id: uuid.UUID, expectation: Expectation) -> None:
    """Keep how long a job should take; what was expected first stays."""
    sql = "UPDATE job SET expectation = $2 WHERE id = $1 AND expectation IS NULL"
    await database.fetch(sql, job_id, msgspec.to_builtins(expectation))


async def page(
    *,
    cluster_id: uuid.UUID | None = None,
    status: JobStatus | None = None,
    job_type: JobType | None = None,
    offset: int = 0,
    limit: int = 20,
) -> tuple[list[records.Job], int]:
    """Jobs, newest first, and how many in all."""
    chosen = rows.Filter()
    chosen.add("cluster_id = {}", cluster_id)
    chosen.add("status = {}", status)
    chosen.add("type = {}", job_type)
    return await rows.page(
        records.Job, "job", chosen, order="created_at DESC, id DESC", offset=offset, limit=limit
    )


async def active_of_cluster(cluster_id: uuid.UUID) -> list[records.Job]:
    """Queued and running jobs of a cluster, oldest first."""
    sql = """
        SELECT * FROM job WHERE cluster_id = $1 AND status IN ('queued', 'running') ORDER BY created_at, id"""
    return await rows.many(records.Job, sql, cluster_id)


async def latest_of_cluster(
    cluster_id: uuid.UUID, *, leaving_out: Collection[JobType] = ()
) -> records.Job | None:
    """The newest job of a cluster, of any type but those left out."""
    sql = """
        SELECT * FROM job WHERE cluster_id = $1 AND type <> ALL($2::text[])
        ORDER BY created_at DESC, id DESC LIMIT 1"""
    return await rows.one(records.Job, sql, cluster_id, [each.value for each in leaving_out])


async def last_ended(
    cluster_id: uuid.UUID, *, leaving_out: Collection[JobType] = (), not_because: Collection[str] = ()
) -> records.Job | None:
    """The last job of a cluster that had started and has ended, of any type and reason but those left out."""
    sql = """
        SELECT * FROM job WHERE cluster_id = $1 AND started_at IS NOT NULL AND finished_at IS NOT NULL
        AND type <> ALL($2::text[]) AND coalesce(reason, '') <> ALL($3::text[])
        ORDER BY finished_at DESC, id DESC LIMIT 1"""
    types = [each.value for each in leaving_out]
    return await rows.one(records.Job, sql, cluster_id, types, list(not_because))


async def counts() -> dict[str, int]:
    """How many jobs have each status."""
    found = await database.fetch("SELECT status, count(*) AS n FROM job GROUP BY status")
    return {row["status"]: row["n"] for row in found}


async def claim(job_id: uuid.UUID, worker: str) -> int | None:
    """Make a queued job ours; its attempt number, or None when it is not ours to start now.

    Raises asyncpg.UniqueViolationError when another job of the cluster was claimed in the same moment.
    """
    sql = f"""
        UPDATE job SET status = 'running', attempt = attempt + 1, worker = $2, started_at = now(),
               supervisor_pid = NULL, lease_until = now() + make_interval(secs => $3), lease_seconds = $3
        WHERE id = $1 AND {STARTABLE} RETURNING attempt"""
    row = await database.fetch_one(sql, job_id, worker, START_SECONDS)
    return None if row is None else int(row["attempt"])


async def begin(
    job_id: uuid.UUID, attempt: int, pid: int, lease_seconds: float = DEFAULT_SECONDS
) -> records.Job | None:
    """The supervisor's first word: from here on the job is its own, with a whole lease. None: it is not."""
    sql = """
        UPDATE job SET supervisor_pid = $3, lease_seconds = $4,
               lease_until = now() + make_interval(secs => $4)
        WHERE id = $1 AND attempt = $2 AND status = 'running' RETURNING *"""
    return await rows.one(records.Job, sql, job_id, attempt, pid, lease_seconds)


async def give_back(seen: records.Job) -> records.Job | None:
    """Queue again what was claimed and never begun; None when it was begun since it was `seen`.

    The claimer's attempt number is void from here on.
    """
    sql = """
        UPDATE job SET status = 'queued', attempt = attempt + 1, worker = NULL, started_at = NULL,
               lease_until = NULL
        WHERE id = (SELECT id FROM job WHERE id = $1 AND attempt = $2 AND status = 'running'
                    AND supervisor_pid IS NULL FOR UPDATE SKIP LOCKED)
        RETURNING *"""
    return await rows.one(records.Job, sql, seen.id, seen.attempt)


async def renew_lease(job_id: uuid.UUID, attempt: int) -> records.Job | None:
    """Show life; None when the job is not ours any more."""
    sql = """
        UPDATE job SET lease_until = now() + make_interval(secs => lease_seconds)
        WHERE id = $1 AND attempt = $2 AND status = 'running' RETURNING *"""
    return await rows.one(records.Job, sql, job_id, attempt)


async def take_over(seen: records.Job, worker: str) -> records.Job | None:
    """Take a running job from a worker that seems dead; None when it has shown life since it was `seen`.

    From here on everything its old supervisor still says is fenced. None too while a transaction of the dead
    one still holds the row: the server ends it soon (`database.connection_arguments`), and nobody waits here.
    """
    sql = """
        UPDATE job SET attempt = attempt + 1, worker = $4,
               lease_until = now() + make_interval(secs => lease_seconds)
        WHERE id = (SELECT id FROM job WHERE id = $1 AND attempt = $2 AND status = 'running'
                    AND lease_until IS NOT DISTINCT FROM $3 FOR UPDATE SKIP LOCKED)
        RETURNING *"""
    return await rows.one(records.Job, sql, seen.id, seen.attempt, seen.lease_until, worker)


async def end(
    job_id: uuid.UUID, attempt: int, status: JobStatus, *, reason: str | None, message: str | None
) -> records.Job | None:
    """Give a running job its final status; None when it is not ours any more."""
    sql = """
        UPDATE job SET status = $3, reason = $4, message = $5, finished_at = now(), lease_until = NULL
        WHERE id = $1 AND attempt = $2 AND status = 'running' RETURNING *"""
    return await rows.one(records.Job, sql, job_id, attempt, status, reason, message)


async def cancel_queued(job_id: uuid.UUID, reason: str) -> records.Job | None:
    """Cancel a job that nobody runs; None when it is not queued."""
    sql = """
        UPDATE job SET status = 'cancelled', reason = $2, finished_at = now(), cancel_requested_at = now()
        WHERE id = $1 AND status = 'queued' RETURNING *"""
    return await rows.one(records.Job, sql, job_id, reason)


async def request_cancel(job_id: uuid.UUID) -> records.Job | None:
    """Ask the supervisor of a running job to stop it; None when it does not run."""
    sql = """
        UPDATE job SET cancel_requested_at = coalesce(cancel_requested_at, now())
        WHERE id = $1 AND status = 'running' RETURNING *"""
    job = await rows.one(records.Job, sql, job_id)
    if job is not None:
        await database.fetch("SELECT pg_notify($1, $2)", CANCEL_CHANNEL, str(job_id))
    return job


async def next_of_cluster(cluster_id: uuid.UUID) -> uuid.UUID | None:
    """The oldest queued job of a cluster."""
    sql = """
        SELECT id FROM job WHERE cluster_id = $1 AND status = 'queued' AND cancel_requested_at IS NULL
        ORDER BY created_at, id LIMIT 1"""
    row = await database.fetch_one(sql, cluster_id)
    return None if row is None else row["id"]


async def running_of_worker(worker: str) -> list[records.Job]:
    """Running jobs that a worker of this identity claimed."""
    sql = "SELECT * FROM job WHERE status = 'running' AND worker = $1 AND type = ANY($2::text[])"
    return await rows.many(records.Job, sql, worker, _KNOWN_TYPES)


async def running_of_others(worker: str) -> list[records.Job]:
    """Running jobs of all other workers; of types that only a newer version knows, that one takes care."""
    sql = "SELECT * FROM job WHERE status = 'running' AND worker <> $1 AND type = ANY($2::text[])"
    return await rows.many(records.Job, sql, worker, _KNOWN_TYPES)


async def unswept(cluster_id: uuid.UUID, limit: int = 20) -> list[uuid.UUID]:
    """Runs of a cluster that were stopped or died since its last success, newest first: something of them may
    still be on nodes that could not be reached then."""
    sql = """
        SELECT id FROM job WHERE cluster_id = $1 AND started_at IS NOT NULL
        AND status IN ('interrupted', 'cancelled')
        AND finished_at > coalesce((SELECT max(finished_at) FROM job
                                    WHERE cluster_id = $1 AND status = 'success'), '-infinity')
        ORDER BY finished_at DESC, id DESC LIMIT $2"""
    return [row["id"] for row in await database.fetch(sql, cluster_id, limit)]


async def active_among(job_ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Which of the jobs are queued or running."""
    sql = "SELECT id FROM job WHERE id = ANY($1) AND status IN ('queued', 'running')"
    return {row["id"] for row in await database.fetch(sql, list(job_ids))}
