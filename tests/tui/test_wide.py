"""The wizard in a wide terminal: the request stands beside the steps, and an odd server does not end it."""

from __future__ import annotations

import pytest

from tests.standins.documented_api import DocumentedApi
from tests.tui.conftest import screen_text, sees, terminal
from tui import messages
from tui.screens.new_cluster import STEPS


@pytest.fixture(autouse=True)
def state(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drafts of nobody else."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))


async def test_the_request_is_read_while_it_is_made():
    async with terminal(DocumentedApi(), size=(300, 80)) as pilot:
        await sees(pilot, "edge-07")
        pilot.app.post_message(messages.Open("clusters", "new"))
        await sees(pilot, "as YAML, so far")
        await pilot.press(*"reef-01")
        await sees(pilot, "name: reef-01")
        for number, step in enumerate(STEPS, 1):
            await sees(pilot, f"[{step.value}]")
            await sees(pilot, f"step {number} of {len(STEPS)}")
            await pilot.press("ctrl+n")
        await sees(pilot, "as YAML (tab: as curl)")
        await sees(pilot, "─ as curl ─")
        shown = [line for line in screen_text(pilot).splitlines() if "reef-01" in line]
        assert len(shown) > 2  # the way here, as YAML, as curl

        await pilot.resize_terminal(120, 40)
        await sees(pilot, "as YAML (tab: as curl)")
        assert "─ as curl ─" not in screen_text(pilot)
