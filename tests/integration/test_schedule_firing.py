"""Schedules that fall due: served once by however many schedulers, whatever dies and whatever clocks do."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from engine.domain.schedules import MissedRunPolicy, RunOutcome, RunReason
from engine.domain.statuses import JobStatus, JobType
from engine.services import schedule_firing
from engine.store import audit_entries, clusters, database, jobs, records, schedules
from tests.integration import factories
from tests.integration.workplace import QUICK, ROOT, ended, until

# Ten minutes ago: too late to be on time, and the next day is far.
DUE = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=10)


async def daily(cluster: records.Cluster, **values) -> records.Schedule:
    """A schedule of every day whose time was ten minutes ago."""
    made = records.Schedule(
        **{
            "name": f"schedule-{cluster.name}",
            "cluster_id": cluster.id,
            "job_type": JobType.PROVISION,
            "cron": f"{DUE.minute} {DUE.hour} * * *",
            "time_zone": "UTC",
            "created_by": None,
            "created_by_email": "operator@example.com",
            "next_run_at": DUE,
            "missed_run_policy": MissedRunPolicy.RUN_ONCE,
        }
        | values
    )
    await schedules.add(made)
    return made


async def fire() -> None:
    while await schedule_firing.fire_next():
        pass


async def runs_of(schedule: records.Schedule) -> list[records.ScheduleRun]:
    return (await schedules.runs(schedule.id, outcome=None, offset=0, limit=100))[0]


async def jobs_of(cluster: records.Cluster) -> list[records.Job]:
    return (await jobs.page(cluster_id=cluster.id))[0]


async def test_many_schedulers_serve_each_due_time_once(store):
    made = [await factories.cluster() for _ in range(5)]
    due = [await daily(cluster) for cluster in made]

    await asyncio.gather(*(fire() for _ in range(8)))

    for cluster, schedule in zip(made, due, strict=True):
        [job] = await jobs_of(cluster)
        [run] = await runs_of(schedule)
        after = await schedules.get(schedule.id)
        assert (job.schedule_id, job.requested_by_email) == (schedule.id, f"schedule {schedule.name}")
        assert (run.outcome, run.job_id, run.due_at) == (RunOutcome.STARTED, job.id, DUE)
        assert (after.next_run_at, after.last_run_at) == (DUE + timedelta(days=1), DUE)
    assert len((await audit_entries.page(audit_entries.Chosen(action=schedule_firing.ACTION)))[0]) == 5


@pytest.mark.parametrize("policy", list(MissedRunPolicy))
async def test_due_times_without_a_scheduler_are_noted_and_the_policy_decides(store, policy):
    cluster = await factories.cluster()
    first = DUE - timedelta(hours=48)
    hourly = f"{DUE.minute} * * * *"
    schedule = await daily(cluster, cron=hourly, next_run_at=first, missed_run_policy=policy)

    await fire()

    found = await runs_of(schedule)
    once = policy is MissedRunPolicy.RUN_ONCE
    [missed] = [run for run in found if run.outcome is RunOutcome.MISSED]
    assert (missed.reason, missed.due_at) == (RunReason.NO_SCHEDULER, first)
    expected = (48, DUE - timedelta(hours=1)) if once else (49, DUE)
    assert (missed.due_count, missed.last_due_at) == expected
    assert [run.due_at for run in found if run.outcome is RunOutcome.STARTED] == ([DUE] if once else [])
    assert len(await jobs_of(cluster)) == int(once)
    assert (await schedules.get(schedule.id)).next_run_at == DUE + timedelta(hours=1)


async def test_a_clock_that_goes_back_serves_nothing_twice(store):
    cluster = await factories.cluster()
    schedule = await daily(cluster)
    await fire()
    [job] = await jobs_of(cluster)
    await jobs.cancel_queued(job.id, "done")

    await schedules.update(schedule.id, next_run_at=DUE)
    await fire()

    assert len(await jobs_of(cluster)) == 1
    assert len(await runs_of(schedule)) == 1
    assert (await schedules.get(schedule.id)).next_run_at == DUE + timedelta(days=1)


async def test_a_due_time_is_skipped_while_the_previous_run_is_active(store):
    cluster = await factories.cluster()
    schedule = await daily(cluster)
    await fire()
    await schedules.update(schedule.id, next_run_at=DUE - timedelta(days=1))
    await database.fetch("DELETE FROM schedule_run")

    await fire()

    found = await runs_of(schedule)
    assert len(await jobs_of(cluster)) == 1
    [skipped] = [run for run in found if run.outcome is RunOutcome.SKIPPED]
    assert skipped.reason is RunReason.PREVIOUS_ACTIVE


async def test_a_job_of_others_is_no_obstacle_the_scheduled_one_queues_behind_it(store):
    cluster = await factories.cluster()
    await factories.job(cluster)
    schedule = await daily(cluster)

    await fire()

    assert [run.outcome for run in await runs_of(schedule)] == [RunOutcome.STARTED]
    assert len(await jobs_of(cluster)) == 2


async def test_a_cluster_that_leaves_or_has_left_gets_no_job(store):
    leaving, left = await factories.cluster(), await factories.cluster()
    await factories.job(leaving, JobType.DEPROVISION, deletes_cluster=True)
    await clusters.mark_deleted(left.id)
    first, second = await daily(leaving), await daily(left)

    await fire()

    assert [run.reason for run in await runs_of(first)] == [RunReason.CLUSTER_LEAVING]
    assert [run.reason for run in await runs_of(second)] == [RunReason.CLUSTER_DELETED]
    assert (await schedules.get(first.id)).enabled
    after = await schedules.get(second.id)
    assert (after.enabled, after.next_run_at) == (False, None)


HANG = """
import asyncio, sys
from engine.services import schedule_firing
from engine.store import database, schedules

async def main():
    await database.connect(sys.argv[1])
    advance = schedules.advance
    async def hang(*arguments, **values):
        if sys.argv[2] == "late":
            await advance(*arguments, **values)
        print("hanging", file=sys.stderr, flush=True)
        await asyncio.sleep(3600)
    schedules.advance = hang
    await schedule_firing.fire_next()

asyncio.run(main())
"""


@pytest.mark.parametrize("moment", ["early", "late"])
async def test_a_scheduler_killed_in_the_middle_leaves_nothing_and_the_next_one_serves(store, moment):
    """The job is written and its schedule not yet, or everything but the commit: then SIGKILL."""
    cluster = await factories.cluster()
    schedule = await daily(cluster)
    process = subprocess.Popen(
        [sys.executable, "-c", HANG, store, moment],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
    )
    with process:
        try:
            assert (await asyncio.to_thread(process.stderr.readline)) == b"hanging\n"
            await fire()  # another one looks meanwhile: the row is taken, and nobody waits for it
            assert await jobs_of(cluster) == []
        finally:
            process.kill()

    async def served():
        await fire()
        return await runs_of(schedule)

    await until(served, "the run after the kill")
    assert len(await runs_of(schedule)) == len(await jobs_of(cluster)) == 1


async def test_two_workers_serve_a_schedule_with_one_job_that_runs(store, workplace):
    """Real processes: the scheduler is in each worker."""
    workplace.playbook(first=QUICK)
    cluster = await factories.cluster()
    schedule = await daily(cluster)
    workplace.start_worker()
    workplace.start_worker()

    run = (await until(lambda: runs_of(schedule), "the due time to be served"))[0]
    done = await ended(run.job_id)

    assert done.status is JobStatus.SUCCESS
    assert len(await jobs_of(cluster)) == 1
