"""How long jobs take: learned from runs that succeeded, told while one runs."""

from __future__ import annotations

import uuid
from datetime import datetime

from engine.domain import estimates
from engine.domain.estimates import Estimate, PhaseTimes
from engine.domain.statuses import FINAL_JOB_STATUSES, JobStatus, PhaseStatus
from engine.store import jobs as job_rows
from engine.store import past_runs
from engine.store import phases as phase_rows
from engine.store.job_views import JobView

_DONE_PHASES = frozenset({PhaseStatus.SUCCEEDED, PhaseStatus.SKIPPED})


async def expect(job_id: uuid.UUID) -> None:
    """Keep with a job that begins how long its phases should take. Its estimates then need nothing else."""
    slugs = [phase.slug for phase in await phase_rows.of_job(job_id)]
    history = await past_runs.before(job_id)
    if history is None:
        return
    expected = estimates.expectation(slugs, history.nodes, history.runs)
    if expected is not None:
        await job_rows.expect(job_id, expected)


def of_job(job: JobView, now: datetime) -> Estimate | None:
    """When a running job will be through; None when it does not run, or nothing tells."""
    if job.status is not JobStatus.RUNNING or job.started_at is None or job.expectation is None:
        return None
    times = [
        PhaseTimes(
            slug=phase.slug, status=phase.status, started_at=phase.started_at, finished_at=phase.finished_at
        )
        for phase in job.phases
    ]
    return estimates.estimate(times, job.expectation, started_at=job.started_at, now=now)


def progress(job: JobView, estimate: Estimate | None) -> int:
    """How far a job is, in per cent: of the time its phases should take, else of their number."""
    if job.status is JobStatus.SUCCESS:
        return 100
    if estimate is not None and job.status not in FINAL_JOB_STATUSES:
        return estimate.progress
    if not job.phases:
        return 0
    done = sum(1 for phase in job.phases if phase.status in _DONE_PHASES)
    return 100 * done // len(job.phases)
