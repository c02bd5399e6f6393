"""What happens when a schedule is due. Any number of schedulers may look; each due time is served once.

One transaction locks the schedule, moves it on from the due time that was seen, and writes the job, its
trigger and the audit entry. Killed at any point, a scheduler leaves all of it or nothing.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

import structlog

from engine.domain import schedules as rules
from engine.domain.errors import KeelyardError
from engine.domain.schedules import RunOutcome, RunReason
from engine.services import audit_log, job_queue, runs, schedules
from engine.services.identity import Caller
from engine.store import clusters, database, jobs, records
from engine.store import schedules as rows

ACTION = "schedule:fire"
RUNS_KEPT_DAYS = 365
_LOG = structlog.get_logger(__name__)


async def fire_next() -> bool:
    """Serve one schedule that is due; False when none is."""
    async with database.transaction():
        found = await rows.next_due()
        if found is None:
            return False
        schedule = found.schedule
        assert schedule.next_run_at is not None
        if not rules.is_zone(schedule.time_zone):  # the time zone data of this machine is another's
            await _give_up(schedule, schedule.next_run_at)
            return True
        due = rules.look(
            schedule.cron, schedule.time_zone, schedule.missed_run_policy, schedule.next_run_at, found.now
        )
        if due.missed is not None:
            await _note_missed(schedule, due.missed)
        last = due.fire
        if due.fire is not None:
            await _serve(schedule, due.fire)
        elif due.missed is not None:
            last = due.missed[1]
        assert last is not None
        await rows.advance(schedule.id, seen=schedule.next_run_at, last=last, following=due.following)
        return True


async def keep_house() -> None:
    """Forget what became of due times long ago."""
    await rows.forget_runs(RUNS_KEPT_DAYS)


async def _serve(schedule: records.Schedule, due_at: datetime) -> None:
    if await rows.served(schedule.id, due_at):  # a clock went back, or the expression was changed to and fro
        return
    cluster = await clusters.get(schedule.cluster_id, lock=True)
    reason, message = await _obstacle(schedule, cluster)
    job_id = None
    if reason is None and cluster is not None:
        job_id, message = await _start(schedule, cluster)
        reason = None if job_id else RunReason.REFUSED
    if reason is RunReason.CLUSTER_DELETED:
        await rows.update(schedule.id, enabled=False)
    outcome = RunOutcome.STARTED if job_id else RunOutcome.SKIPPED
    await rows.add_run(
        records.ScheduleRun(
            schedule_id=schedule.id,
            due_at=due_at,
            last_due_at=due_at,
            outcome=outcome,
            reason=reason,
            message=message,
            job_id=job_id,
        )
    )
    details = {"due_at": due_at.isoformat(), "job_id": str(job_id) if job_id else None, "reason": reason}
    await _record(schedule, details, status=audit_log.SUCCESS if job_id else audit_log.REFUSED)
    _LOG.info("A schedule was due.", schedule=schedule.name, outcome=outcome.value, reason=reason)


async def _give_up(schedule: records.Schedule, due_at: datetime) -> None:
    message = f"This machine does not know the time zone {schedule.time_zone}; the schedule was disabled."
    await rows.update(schedule.id, enabled=False, next_run_at=None)
    await rows.add_run(
        records.ScheduleRun(
            schedule_id=schedule.id,
            due_at=due_at,
            last_due_at=due_at,
            outcome=RunOutcome.SKIPPED,
            reason=RunReason.REFUSED,
            message=message,
        )
    )
    await _record(schedule, {"reason": message}, status=audit_log.FAILED)


async def _start(schedule: records.Schedule, cluster: records.Cluster) -> tuple[uuid.UUID | None, str | None]:
    """Queue the job; or why it was refused, then without a trace of it."""
    try:
        caller = Caller(correlation_id=f"schedule-{schedule.id}")
        job = await job_queue.put(cluster, schedule.job_type, caller, schedule=schedule)
        await runs.derive_status(cluster.id)
    except KeelyardError as error:
        _LOG.warning("A scheduled job was refused.", schedule=schedule.name, error=str(error))
        return None, str(error)
    return job.id, None


async def _obstacle(
    schedule: records.Schedule, cluster: records.Cluster | None
) -> tuple[RunReason | None, str | None]:
    """Why nothing can be started. Another's job on the cluster is none: ours queues behind it."""
    if cluster is None or cluster.deleted_at is not None:
        return RunReason.CLUSTER_DELETED, "The cluster is deleted; the schedule was disabled."
    for job in await jobs.active_of_cluster(cluster.id):
        if job.deletes_cluster:
            return RunReason.CLUSTER_LEAVING, f"The cluster is being deleted by job {job.id}."
    active = await rows.active_job(schedule.id)
    if active is not None:
        return RunReason.PREVIOUS_ACTIVE, f"Job {active} of this schedule has not ended yet."
    return None, None


async def _note_missed(schedule: records.Schedule, missed: tuple[datetime, datetime, int]) -> None:
    first, last, count = missed
    if await rows.served(schedule.id, last):
        return
    await rows.add_run(
        records.ScheduleRun(
            schedule_id=schedule.id,
            due_at=first,
            last_due_at=last,
            due_count=count,
            outcome=RunOutcome.MISSED,
            reason=RunReason.NO_SCHEDULER,
            message="No worker was up.",
        )
    )
    details = {"first": first.isoformat(), "last": last.isoformat(), "count": count, "reason": "missed"}
    await _record(schedule, details, status=audit_log.FAILED)
    _LOG.warning("Due times of a schedule were missed.", schedule=schedule.name, count=count)


async def _record(schedule: records.Schedule, details: dict[str, Any], *, status: str) -> None:
    await audit_log.record(
        Caller(correlation_id=f"schedule-{schedule.id}"),
        ACTION,
        schedules.resource(schedule),
        status=status,
        actor=f"schedule {schedule.name}",
        details=details,
    )
