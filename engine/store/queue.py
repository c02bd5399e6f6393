"""The queue's entry: Procrastinate's own SQL function, called in the transaction that writes the job."""

from __future__ import annotations

import uuid

from engine.store import database

QUEUE = "runs"
TASK = "keelyard.start_run"


async def trigger(job_id: uuid.UUID) -> None:
    """Wake a worker for this job once the transaction commits. Too many do no harm: claiming decides."""
    sql = """
        SELECT procrastinate_defer_jobs_v1(ARRAY[
            ROW($1, $2, 0, NULL, NULL, jsonb_build_object('job_id', $3::text), NULL)
            ]::procrastinate_job_to_defer_v1[])"""
    await database.fetch(sql, QUEUE, TASK, str(job_id))
