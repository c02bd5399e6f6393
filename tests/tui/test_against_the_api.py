"""The terminal against the real API, over a real socket, with a real database behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from textual.pilot import Pilot

from engine.domain.events import EventKind
from engine.domain.statuses import JobStatus
from tests.contract import harness
from tests.tui.conftest import screen_text, sees, until
from tui.app import Terminal
from tui.client import Client
from tui.screens.job import JobScreen


@asynccontextmanager
async def signed_in(server: harness.Api, password: str = harness.PASSWORD) -> AsyncIterator[Pilot[None]]:
    app = Terminal(Client(server.url), email=harness.ADMIN, password=password, start="clusters")
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        yield pilot


async def create(server: harness.Api) -> str:
    """A cluster with its provision job queued; the job's id."""
    client = await server.admin()
    answer = await client.post("/api/v1/clusters", json=harness.cluster_body())
    assert answer.status_code == 201, answer.text
    job_id: str = answer.json()["job"]["id"]
    return job_id


async def open_job(pilot: Pilot[None]) -> None:
    await sees(pilot, "yard-1")
    await pilot.press("2")
    await sees(pilot, "provision")
    await pilot.press("enter")
    await sees(pilot, "‹ provision yard-1")


async def test_a_wrong_password_is_told_in_the_servers_words(server: harness.Api):
    async with signed_in(server, password="wrong") as pilot:
        await sees(pilot, "password is incorrect")


async def test_a_run_is_watched_from_the_queue_to_its_failure(server: harness.Api):
    run = harness.Run(await create(server), server.cipher)
    async with signed_in(server) as pilot:
        await open_job(pilot)
        await sees(pilot, "○ queued")
        await sees(pilot, "● live")

        await run.claim()
        await run.tell(
            run.event(EventKind.JOB_STARTED),
            run.event(EventKind.HOST_CHANGED, host="control-01", task="Install containerd"),
        )
        await sees(pilot, "Install containerd")
        await sees(pilot, "◐ running")

        failed = run.event(
            EventKind.HOST_FAILED, host="worker-01", task="Check swap", message="swap is on; turn it off"
        )
        ended = run.event(EventKind.JOB_FINISHED, data={"status": "failed"})
        await run.finish(JobStatus.FAILED, [failed, ended], message="worker-01: swap is on; turn it off")
        await sees(pilot, "✗ worker-01: swap is on; turn it off")
        await sees(pilot, "○ complete")
        await sees(pilot, "yard-1 · ✗ failed")


async def test_cancelling_a_queued_job_asks_first_and_ends_it(server: harness.Api):
    await create(server)
    async with signed_in(server) as pilot:
        await open_job(pilot)
        await sees(pilot, "○ queued")
        await pilot.press("x")
        await sees(pilot, "Cancel provision yard-1?")
        await pilot.press("y")
        await sees(pilot, "▲ cancelled")

        await pilot.press("r")
        await sees(pilot, "○ queued")


async def test_a_cluster_shows_its_nodes_and_its_job(server: harness.Api):
    await create(server)
    async with signed_in(server) as pilot:
        await sees(pilot, "yard-1")
        await pilot.press("enter")
        await sees(pilot, "LAST JOBS")
        await pilot.press("greater_than_sign")
        await sees(pilot, "control-01")
        text = screen_text(pilot)
        assert "worker-01" in text
        assert "192.0.2.20" in text

        await pilot.press("greater_than_sign")
        await sees(pilot, "Nothing was observed yet")
        await pilot.press("greater_than_sign")
        await sees(pilot, "jobs 1")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, JobScreen), "the job")
