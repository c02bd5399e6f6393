"""Templates in the terminal: made from a cluster, shown with their versions, deleted."""

from __future__ import annotations

from textual.widgets import Input

from tests.contract import harness
from tests.tui.conftest import sees
from tests.tui.test_against_the_api import create, signed_in


async def test_a_template_is_made_from_a_cluster_changed_compared_and_deleted(server: harness.Api):
    await create(server)
    async with signed_in(server) as pilot:
        await sees(pilot, "yard-1")
        await pilot.press("8")
        await sees(pilot, "No templates yet")
        await pilot.press("c")
        await sees(pilot, "New template from a cluster")
        await pilot.press(*"nix", "tab", *"small", "ctrl+s")
        await sees(pilot, "There is no cluster")
        await pilot.press("shift+tab", "ctrl+u", *"yard-1", "ctrl+s")
        await sees(pilot, "templates 1")

        await pilot.press("e")
        await sees(pilot, "Template small: version 2")
        form = pilot.app.screen
        form.query_one("#worker_count", Input).value = "many"
        await pilot.press("ctrl+s")
        await sees(pilot, "✗ is a whole number, or empty")
        form.query_one("#worker_count", Input).value = "5"
        form.query_one("#cni", Input).value = ""
        form.query_one("#enable_cis_linux_benchmark", Input).value = "no"
        await pilot.press("ctrl+s")
        await sees(pilot, "1+5")
        await pilot.press("enter")
        await sees(pilot, "templates ‹ small · versions 2")
        await pilot.press("x")
        await sees(pilot, "small: version 1 to 2")
        for line in ("~ Workers     1 → 5", "- CNI         flannel → ·", "+ CIS Linux   · → no"):
            await sees(pilot, line)
        await pilot.press("escape", "down", "x")
        await sees(pilot, "Mark two versions with space")
        await pilot.press("ctrl+a", "x")
        await sees(pilot, "small: version 1 to 2")
        await pilot.press("escape", "enter")
        await sees(pilot, "in words")
        await pilot.press("escape", "escape")
        await sees(pilot, "templates 1")
        await pilot.press("ctrl+d")
        await sees(pilot, "Delete template small")
        await pilot.press(*"small", "enter")
        await sees(pilot, "No templates yet")


async def test_a_template_of_ones_own_words_leaves_the_rest_open(server: harness.Api):
    async with signed_in(server) as pilot:
        await sees(pilot, "clusters 0")
        await pilot.press("8")
        await sees(pilot, "No templates yet")
        await pilot.press("n")
        await sees(pilot, "New template")
        form = pilot.app.screen
        form.query_one("#name", Input).value = "open"
        form.query_one("#cni", Input).value = "string"
        await pilot.press("ctrl+s")
        await sees(pilot, "nothing was saved")
        form.query_one("#cni", Input).value = "flannel"
        await pilot.press("ctrl+s")
        await sees(pilot, "templates 1")
        await sees(pilot, "·+·")
