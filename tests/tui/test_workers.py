"""The workers' screen."""

from __future__ import annotations

from tests.standins.provisioner_api import ProvisionerApi
from tests.standins.provisioner_bodies import JOB_ID, job
from tests.tui.conftest import open_job, screen_text, sees, terminal, until


async def test_workers_are_listed_with_state_and_load(api: ProvisionerApi):
    async with terminal(api) as pilot:
        await sees(pilot, "edge-07")
        await pilot.press("3")
        await sees(pilot, "yard-1")
        lines = screen_text(pilot).splitlines()
        first, second = (next(line for line in lines if name in line) for name in ("yard-1", "yard-2"))

        for word in ("● ready", "2/8", "0.4/22G", "0.1.0", "1s"):
            assert word in first
        assert "✗ lost" in second
        await pilot.press("enter")
        await sees(pilot, "‹ workers ‹ yard-1 · ● ready · jobs 1")
        await sees(pilot, "2/8 forks")
        await pilot.press("enter")
        await sees(pilot, "‹ yard-1 ‹ job provision edge-07")


async def test_a_worker_is_drained_after_a_question_and_resumed(api: ProvisionerApi):
    async with terminal(api) as pilot:
        await sees(pilot, "edge-07")
        await pilot.press("3")
        await sees(pilot, "yard-1")
        await pilot.press("D")
        await sees(pilot, "Drain worker yard-1?")
        await pilot.press("n")
        await until(pilot, lambda: "Drain worker" not in screen_text(pilot), "the list again")
        assert api.count("POST", "/workers/yard-1/drain") == 0

        await pilot.press("D")
        await sees(pilot, "Drain worker yard-1?")
        await pilot.press("y")
        await sees(pilot, "◐ draining")
        await pilot.press("u")
        await sees(pilot, "Resume worker yard-1?")
        await pilot.press("y")
        await sees(pilot, "● ready")


async def test_no_worker_at_all_says_how_to_start_one(api: ProvisionerApi):
    api.workers = {}
    async with terminal(api) as pilot:
        await sees(pilot, "edge-07")
        await pilot.press("3")
        await sees(pilot, "`keelyard worker` starts one")


async def test_a_queued_job_says_what_it_waits_for(api: ProvisionerApi):
    api.jobs = {JOB_ID: job("queued", started_at=None, waiting_for="A worker: none takes jobs now (1 lost).")}
    async with terminal(api) as pilot:
        await open_job(pilot)
        await sees(pilot, "waits for: A worker: none")
