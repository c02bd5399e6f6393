"""Rows of phases."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from engine.domain.statuses import PhaseStatus
from engine.store import database, records, rows


async def add_many(phases: Sequence[records.Phase]) -> None:
    """Write the phases of a job; phases that are there already stay as they are."""
    for phase in phases:
        sql = """
            INSERT INTO phase (id, job_id, slug, name, position, status) VALUES ($1, $2, $3, $4, $5, $6)
            ON CONFLICT (job_id, slug) DO NOTHING"""
        await database.fetch(
            sql, phase.id, phase.job_id, phase.slug, phase.name, phase.position, phase.status
        )


async def of_job(job_id: uuid.UUID) -> list[records.Phase]:
    """Phases of a job in the order of the playbook."""
    return await rows.many(records.Phase, "SELECT * FROM phase WHERE job_id = $1 ORDER BY position", job_id)


async def of_jobs(job_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, list[records.Phase]]:
    """Phases of several jobs."""
    sql = "SELECT * FROM phase WHERE job_id = ANY($1) ORDER BY job_id, position"
    found: dict[uuid.UUID, list[records.Phase]] = {job_id: [] for job_id in job_ids}
    for phase in await rows.many(records.Phase, sql, list(job_ids)):
        found[phase.job_id].append(phase)
    return found


async def move(job_id: uuid.UUID, slug: str, status: PhaseStatus) -> None:
    """Set a phase's status; its times follow. A phase that ended stays ended."""
    sql = """
        UPDATE phase SET status = $3,
            started_at = CASE WHEN $3 = 'running' THEN coalesce(started_at, now()) ELSE started_at END,
            finished_at = CASE WHEN $3 IN ('succeeded', 'failed', 'skipped') THEN now() ELSE finished_at END
        WHERE job_id = $1 AND slug = $2 AND status IN ('pending', 'running')"""
    await database.fetch(sql, job_id, slug, status)


async def fail_running(job_id: uuid.UUID) -> None:
    """A phase that runs when its job ends did not succeed."""
    await database.fetch(
        "UPDATE phase SET status = 'failed', finished_at = now() WHERE job_id = $1 AND status = 'running'",
        job_id,
    )
