"""The job screen against the real API: what is not loaded is found by the real filters."""

from __future__ import annotations

from engine.domain.events import EventKind
from engine.domain.statuses import JobStatus
from tests.contract import harness
from tests.tui.conftest import sees, until
from tests.tui.test_against_the_api import create, open_job, signed_in
from tui.screens.job import JobScreen
from tui.widgets.event_log import EventLog


async def test_filters_searches_and_the_whole_log_reach_what_is_not_loaded(server: harness.Api):
    run = harness.Run(await create(server), server.cipher)
    await run.claim()
    await run.tell(
        run.event(
            EventKind.HOST_FAILED,
            host="worker-01",
            phase="preflight",
            task="Check swap",
            message="swap is on",
            data={"result": {"stdout": "Filename Type Size\n/dev/sda3 partition"}},
        )
    )
    await run.tell_many(1200)
    async with signed_in(server) as pilot:
        await open_job(pilot)
        await sees(pilot, "Task 1199")
        log = pilot.app.screen.query_one(EventLog)

        await pilot.press("N")
        await sees(pilot, "✗ FAILED  Check swap  swap is on")
        assert log.kept < 1000  # what lies between is not loaded
        await pilot.press("enter")
        await sees(pilot, "/dev/sda3 partition")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, JobScreen), "the job again")

        await pilot.press("slash", *"task 42", "enter", "ampersand")
        await until(pilot, lambda: log.kept == 11, "42, and 420 to 429")
        await pilot.press("escape", "escape", "F")
        await until(pilot, lambda: log.kept == 1, "the one failure")
        await pilot.press("F", "l")
        await sees(pilot, "1,201 lines")
        await pilot.press("escape")

        ended = run.event(EventKind.JOB_FINISHED, data={"status": "failed"})
        await run.finish(JobStatus.FAILED, [ended], message="worker-01: swap is on")
        await sees(pilot, "✗ worker-01: swap is on")
        await sees(pilot, "▸ r retry what failed")
        await sees(pilot, "○ complete")
