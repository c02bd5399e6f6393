"""The audit log in the terminal, against the real API."""

from __future__ import annotations

import pytest
from textual.widgets import Input

from tests.contract import harness
from tests.tui.conftest import screen_text, sees, until
from tests.tui.test_against_the_api import signed_in
from tui.screens.audit_log import parse


async def test_entries_are_listed_narrowed_by_the_server_and_shown_in_full(server: harness.Api):
    client = await server.admin()
    await client.post("/api/v1/clusters", json=harness.cluster_body())
    await client.post("/api/v1/clusters", json={}, headers={"X-Request-ID": "the-refused-one"})
    async with signed_in(server) as pilot:
        await sees(pilot, "yard-1")
        await pilot.press("6")
        await sees(pilot, "session:login")
        await sees(pilot, "✓ success")
        await pilot.press("f")
        await sees(pilot, "Which entries?")
        line = pilot.app.screen.query_one("#filters", Input)
        line.value = "status=refused colour=red"
        await pilot.press("enter")
        await sees(pilot, "is no filter")
        line.value = "status=refused action=cluster:create"
        await pilot.press("enter")
        await sees(pilot, "audit log status=refused action=cluster:create 1")
        await until(pilot, lambda: "session:login" not in screen_text(pilot), "only what fits")
        await pilot.press("enter")
        await sees(pilot, "the-refused-one")
        await sees(pilot, '"status_code":422')
        await pilot.press("escape", "f")
        await sees(pilot, "Which entries?")
        pilot.app.screen.query_one("#filters", Input).value = "actor=nobody@example.local"
        await pilot.press("enter")
        await sees(pilot, "No entry fits.")


@pytest.mark.parametrize("line", ["actor", "actor=", "=x", "colour=red", "status=refused x"])
def test_words_that_are_no_filters_are_named(line: str):
    with pytest.raises(ValueError, match="is no filter"):
        parse(line)
