"""The audit log in the terminal, against the real API."""

from __future__ import annotations

import stat
from pathlib import Path

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


async def test_what_fits_is_saved_as_a_file_of_its_owner_and_the_head_is_shown(
    server: harness.Api, tmp_path: Path
):
    saved = tmp_path / "log.csv"
    async with signed_in(server) as pilot:
        await sees(pilot, "clusters 0")
        await pilot.press("6")
        await sees(pilot, "session:login")
        for name, told in (("log.txt", "neither .csv nor .jsonl"), ("log.csv", "Saved ")):
            await pilot.press("x")
            await sees(pilot, "Save every entry that fits")
            pilot.app.screen.query_one("#path", Input).value = str(tmp_path / name)
            await pilot.press("enter")
            await sees(pilot, told)
        assert stat.S_IMODE(saved.stat().st_mode) == 0o600
        assert "session:login" in saved.read_text()
        await pilot.press("x")
        await sees(pilot, "Save every entry that fits")
        pilot.app.screen.query_one("#path", Input).value = str(saved)
        await pilot.press("enter")
        await sees(pilot, "exists and was left as it is")
        await pilot.press("h")
        await sees(pilot, "Sequence")
    assert [path.name for path in tmp_path.iterdir()] == ["log.csv"]


@pytest.mark.parametrize("line", ["actor", "actor=", "=x", "colour=red", "status=refused x"])
def test_words_that_are_no_filters_are_named(line: str):
    with pytest.raises(ValueError, match="is no filter"):
        parse(line)
