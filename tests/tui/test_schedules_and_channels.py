"""Schedules and notification channels in the terminal, against the real API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from textual.widgets import Input, Static

from engine.services import notice_settings, schedule_firing
from engine.services.notice_sending import Sender
from engine.store import database
from tests.contract import harness
from tests.standins.receivers import HttpReceiver
from tests.tui.conftest import sees, until
from tests.tui.test_against_the_api import signed_in


@pytest.fixture
async def server(database_url: str) -> AsyncIterator[harness.Api]:
    used = harness.settings(database_url, webhook_allowed_cidrs="127.0.0.0/8")
    async with harness.serving(used) as running:
        yield running


async def test_a_schedule_is_made_in_the_form_switched_run_and_deleted(server: harness.Api):
    client = await server.admin()
    await client.post("/api/v1/clusters", json=harness.cluster_body(provision_immediately=False))
    async with signed_in(server) as pilot:
        await sees(pilot, "yard-1")
        await pilot.press("4")
        await sees(pilot, "No schedules yet. Press n to make one.")
        await pilot.press("n")
        await sees(pilot, "New schedule")
        for member, value in (("name", "nightly"), ("cluster_id", "yard-1"), ("cron", "61 * * * *")):
            pilot.app.screen.query_one(f"#{member}", Input).value = value
        await pilot.press("ctrl+s")
        await sees(pilot, "✗")
        await sees(pilot, "✗ is not a cron expression: bad minute")
        pilot.app.screen.query_one("#cron", Input).value = "0 2 * * *"
        await pilot.press("ctrl+s")
        await sees(pilot, "schedules 1")
        await sees(pilot, "○ never")

        await pilot.press("o")
        await sees(pilot, "○ disabled")
        await pilot.press("o")
        await sees(pilot, "nightly is enabled.")
        await pilot.press("x")
        await sees(pilot, "Run verify of yard-1 now?")
        await pilot.press("y")
        await sees(pilot, "‹ job verify yard-1")

        await pilot.press("4")
        await sees(pilot, "● started")
        await pilot.press("ctrl+d")
        await sees(pilot, "Delete schedule nightly")
        await pilot.press(*"nightl", "enter")
        await sees(pilot, "That is not nightly. Nothing was done.")
        await pilot.press("y", "enter")
        await sees(pilot, "No schedules yet.")


async def test_missed_due_times_are_marked_by_a_sign_a_word_and_their_number(server: harness.Api):
    client = await server.admin()
    await client.post("/api/v1/clusters", json=harness.cluster_body(provision_immediately=False))
    hour = (datetime.now(UTC) + timedelta(hours=12)).hour  # far from now
    body = {"name": "nightly", "cluster_id": "yard-1", "job_type": "verify", "cron": f"0 {hour} * * *"}
    await client.post("/api/v1/schedules", json=body)
    await database.fetch("UPDATE schedule SET next_run_at = next_run_at - interval '3 days'")
    await schedule_firing.fire_next()

    async with signed_in(server) as pilot:
        await sees(pilot, "yard-1")
        await pilot.press("4")
        await sees(pilot, "▲ missed ×")
        await pilot.press("enter")
        await sees(pilot, "‹ schedules ‹ nightly")
        await sees(pilot, f"{hour:02}:00 +00:00")
        await sees(pilot, "No worker was up.")


async def test_a_channel_is_tested_and_a_notice_sent_again(server: harness.Api):
    client = await server.admin()
    async with HttpReceiver(500).listening() as receiver:
        await client.post(
            "/api/v1/notification-channels",
            json={"name": "pager", "kind": "webhook", "url": f"{receiver.url}/secret-part"},
        )
        sender = Sender("test", server.cipher, notice_settings.of(server.settings))

        async def send() -> None:
            claimed = await sender.claim()
            assert claimed is not None
            await sender.send(claimed)

        async with signed_in(server) as pilot:
            await sees(pilot, "clusters 0")
            await pilot.press("5")
            await sees(pilot, "pager")
            await sees(pilot, "● enabled")
            await pilot.press("T")
            await sees(pilot, "‹ channels ‹ pager")
            await sees(pilot, "○ pending")
            await send()
            await pilot.press("ctrl+r")
            await sees(pilot, "The receiver answered 500.")
            await pilot.press("r")
            await sees(pilot, "Notice queued again")
            await send()
            await pilot.press("ctrl+r")
            await sees(pilot, "● delivered")
            await pilot.press("escape")
            await until(pilot, lambda: type(pilot.app.screen).__name__ == "ChannelsScreen", "the channels")
    assert len(receiver.requests) == 2


async def test_a_channel_is_made_in_the_form_and_its_secret_is_shown_once(server: harness.Api):
    async with signed_in(server) as pilot:
        await sees(pilot, "clusters 0")
        await pilot.press("5")
        await sees(pilot, "No notification channels yet. Press n to make one.")
        await pilot.press("n")
        await sees(pilot, "New channel")
        pilot.app.screen.query_one("#name", Input).value = "pager"
        await pilot.press("ctrl+s")
        await sees(pilot, "nothing was saved")  # and the form is still there
        for member, value in (("url", "http://127.0.0.1:9/hook"), ("job_types", "provision, verify")):
            pilot.app.screen.query_one(f"#{member}", Input).value = value
        await pilot.press("ctrl+s")
        await sees(pilot, "Secret of pager. It is not shown again.")
        await sees(pilot, "whsec_")
        first = str(pilot.app.screen.query_one("#secret", Static).content)
        await pilot.press("escape")
        await sees(pilot, "channels 1")

        await pilot.press("e")
        await sees(pilot, "Channel pager")
        assert pilot.app.screen.query_one("#job_types", Input).value == "provision, verify"
        assert pilot.app.screen.query_one("#statuses", Input).value == "failed, interrupted"
        pilot.app.screen.query_one("#name", Input).value = "night-pager"
        await pilot.press("enter")
        await sees(pilot, "night-pager")  # and no secret this time
        await until(pilot, lambda: type(pilot.app.screen).__name__ == "ChannelsScreen", "the channels")

        await pilot.press("r")
        await sees(pilot, "Give night-pager a new secret?")
        await pilot.press("y")
        await sees(pilot, "Secret of night-pager.")
        assert str(pilot.app.screen.query_one("#secret", Static).content) != first


async def test_the_form_of_a_schedule_says_when_it_is_due_while_one_types(server: harness.Api):
    async with signed_in(server) as pilot:
        await sees(pilot, "clusters 0")
        await pilot.press("4")
        await sees(pilot, "No schedules yet.")
        await pilot.press("n")
        await sees(pilot, "○ next: ")
        cron = pilot.app.screen.query_one("#cron", Input)
        cron.value = "30 5 1 1 *"
        await sees(pilot, "-01-01 05:30 · ")
        cron.value = "61 * * * *"
        await sees(pilot, "▲ cron is not a cron expression")
        assert (await (await server.admin()).get("/api/v1/schedules")).json()["total"] == 0
