"""Hardening in the terminal against the real API: what is refused is told at its field."""

from __future__ import annotations

import json
from pathlib import Path

from textual.widgets import Input

from engine.domain.hardening import Outcome
from tests.contract import hardening, harness
from tests.tui.conftest import screen_text, sees, until
from tests.tui.test_against_the_api import signed_in


async def test_settings_and_exceptions_are_changed_and_what_is_refused_is_told_at_its_field(
    server: harness.Api,
):
    client = await server.admin()
    await client.post("/api/v1/clusters", json=harness.cluster_body(provision_immediately=False))
    place = "/api/v1/clusters/yard-1/hardening"
    async with signed_in(server) as pilot:
        await pilot.resize_terminal(120, 40)
        await sees(pilot, "yard-1")
        await pilot.press("enter")
        await sees(pilot, "control-plane")
        await pilot.press("h")
        await sees(pilot, "CIS Linux       ○ off")

        await pilot.press("c")
        await sees(pilot, "Deny pods")
        for member, value in (("enable_cis_linux_benchmark", "yes"), ("level", "3")):
            pilot.app.screen.query_one(f"#{member}", Input).value = value
        await pilot.press("ctrl+s")
        await sees(pilot, "✗ must be 1 or 2; it is 3")
        pilot.app.screen.query_one("#level", Input).value = "1"
        await pilot.press("ctrl+s")
        await sees(pilot, "CIS Linux       ● on")

        await pilot.press("a")
        await until(pilot, lambda: pilot.app.screen.query("#items"), "the catalogue")
        await pilot.press(*"linux-5.1.")
        await sees(pilot, "linux-5.1.10")
        await pilot.press("down", "enter")
        await until(pilot, lambda: pilot.app.screen.query("#reason"), "the form")
        item = pilot.app.screen.query_one("#id", Input)
        chosen, item.value = item.value, "linux-99.9"
        await pilot.press("enter")
        await sees(pilot, "is no item of the benchmarks")
        await sees(pilot, "✗ is empty; say why")
        item.value = chosen
        pilot.app.screen.query_one("#reason", Input).value = "An old client"
        await pilot.press("enter")
        await sees(pilot, "1 of its own")
        kept = (await client.get(place)).json()
        assert (kept["level"], kept["enable_cis_linux_benchmark"]) == (1, True)
        assert kept["exceptions"] == [{"id": chosen, "reason": "An old client"}]

        await pilot.press("p")
        await sees(pilot, "On: CIS Linux, level 1.")
        await pilot.press(*"yard-1", "enter")
        told = pilot.app._notifications
        await until(pilot, lambda: any("provision" in one.message for one in told), "the server's refusal")


async def test_scans_are_read_held_against_each_other_and_saved(server: harness.Api, tmp_path: Path):
    client = await server.admin()
    await client.post("/api/v1/clusters", json=harness.cluster_body(provision_immediately=False))
    await hardening.scanned(server, client, hardening.scans(banner=Outcome.FAIL, usb=Outcome.PASS))
    await hardening.scanned(server, client)
    async with signed_in(server) as pilot:
        await pilot.resize_terminal(120, 40)
        await sees(pilot, "yard-1")
        await pilot.press("colon", *"hardening yard-1", "enter")
        await sees(pilot, "Lynis is not in the bundle.")
        await sees(pilot, "openscap")
        await pilot.press("o")
        await sees(pilot, "results 10")
        await pilot.press("f")
        await sees(pilot, "results 2")
        assert "hostile" in screen_text(pilot)
        await pilot.press("f")
        await sees(pilot, "Pods need <b>forwarding</b>. (the product's)")
        await pilot.press("D")
        await sees(pilot, "● fixed")
        await sees(pilot, "+ appeared")
        await pilot.press("escape")
        await sees(pilot, "results 2")

        await pilot.press("x")
        await sees(pilot, "Export as")
        await pilot.press("down", "down", "enter")
        await sees(pilot, "Export the scan")
        pilot.app.screen.query_one("#path", Input).value = str(tmp_path / "scan.sarif")
        await pilot.press("enter")
        await until(pilot, (tmp_path / "scan.sarif").exists, "the file")
        await pilot.press("A")
        await sees(pilot, hardening.RAW.name)
        await pilot.press("w")
        await sees(pilot, "Save control-01")
        pilot.app.screen.query_one("#path", Input).value = str(tmp_path / "raw.json")
        await pilot.press("enter")
        await until(pilot, (tmp_path / "raw.json").exists, "the file")
        await pilot.press("j")
        await sees(pilot, "‹ job verify yard-1")
    assert json.loads((tmp_path / "scan.sarif").read_text())["version"] == "2.1.0"
    assert (tmp_path / "raw.json").read_bytes() == hardening.RAW_CONTENT
