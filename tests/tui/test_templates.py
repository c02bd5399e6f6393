"""Templates in the terminal: made from a cluster, shown with their versions, deleted."""

from __future__ import annotations

from tests.contract import harness
from tests.tui.conftest import sees
from tests.tui.test_against_the_api import create, signed_in


async def test_a_template_is_made_from_a_cluster_and_deleted(server: harness.Api):
    await create(server)
    async with signed_in(server) as pilot:
        await sees(pilot, "yard-1")
        await pilot.press("8")
        await sees(pilot, "No templates yet")
        await pilot.press("n")
        await sees(pilot, "New template from a cluster")
        await pilot.press(*"nix", "tab", *"small", "ctrl+s")
        await sees(pilot, "There is no cluster")
        await pilot.press("shift+tab", "ctrl+u", *"yard-1", "ctrl+s")
        await sees(pilot, "templates 1")
        await pilot.press("enter")
        await sees(pilot, "templates ‹ small · versions 1")
        await pilot.press("escape")
        await sees(pilot, "templates 1")
        await pilot.press("ctrl+d")
        await sees(pilot, "Delete template small")
        await pilot.press(*"small", "enter")
        await sees(pilot, "No templates yet")
