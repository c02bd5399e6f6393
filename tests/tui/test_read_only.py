"""`--read-only`: what would change something is not offered, and not sent."""

from __future__ import annotations

from tests.standins.provisioner_api import ProvisionerApi
from tests.tui.conftest import open_job, screen_text, sees, terminal, until
from tests.tui.test_subjects import told


async def test_keys_that_change_something_are_not_offered(api: ProvisionerApi):
    async with terminal(api, read_only=True) as pilot:
        await sees(pilot, "read-only")
        await open_job(pilot)
        await pilot.press("x")
        await pilot.press("question_mark")
        await sees(pilot, "THIS SCREEN")
        assert "Ask the job to stop" not in screen_text(pilot)
        await pilot.press("escape", "colon", *"cancel", "enter")
        await sees(pilot, "✗ There is no command 'cancel'")

    assert not [request for request in api.requests if request[0] != "GET" and "/auth/" not in request[1]]


async def test_nothing_new_is_made(api: ProvisionerApi):
    async with terminal(api, read_only=True) as pilot:
        await sees(pilot, "edge-07")
        assert "n New" not in screen_text(pilot)
        await pilot.press("colon", *"clusters/new", "enter")
        await until(pilot, lambda: "read-only: nothing new is made" in told(pilot), "the line")
