"""The keys for what the cursor is on: describe, YAML, copy, export, editor, logs, go to."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
import yaml
from textual.pilot import Pilot

from tests.standins.provisioner_api import ProvisionerApi
from tests.tui.conftest import crumbs, open_job, screen_text, sees, terminal, until
from tui.screens.reading import Page, ReadingScreen


def told(pilot: Pilot[None]) -> str:
    """The passing lines on the screen."""
    return "\n".join(notification.message for notification in pilot.app._notifications)


async def test_describe_and_yaml_show_what_the_cursor_is_on_and_esc_goes_back(api: ProvisionerApi):
    async with terminal(api) as pilot:
        await sees(pilot, "edge-07")
        await pilot.press("d")
        await sees(pilot, "Kubernetes version")
        await pilot.press("y")
        await sees(pilot, "kubernetes_version: 1.36.2")
        await pilot.press("escape")
        await sees(pilot, "clusters 1")


async def test_a_search_in_yaml_goes_from_match_to_match(api: ProvisionerApi):
    async with terminal(api) as pilot:
        await sees(pilot, "edge-07")
        await pilot.press("y", "slash", *"count", "enter")
        await until(pilot, lambda: '"count" on 2 lines' in crumbs(pilot), "two matches")
        page = pilot.app.screen.query_one(Page)
        first = page.selection
        assert page.selected_text == "count"

        await pilot.press("n")
        await until(pilot, lambda: page.selection != first, "the next match")
        await pilot.press("N")
        await until(pilot, lambda: page.selection == first, "the first match again")


async def test_copy_hands_yaml_to_the_clipboard_and_says_what(api: ProvisionerApi):
    async with terminal(api) as pilot:
        await sees(pilot, "edge-07")
        await pilot.press("Y")
        await until(pilot, lambda: "Copied cluster edge-07 as YAML" in told(pilot), "the line")

        assert yaml.safe_load(pilot.app.clipboard)["name"] == "edge-07"


async def test_export_asks_before_it_replaces_and_is_its_owners_alone(
    api: ProvisionerApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    saved = tmp_path / "cluster-edge-07.yaml"
    saved.write_text("mine")
    async with terminal(api) as pilot:
        await sees(pilot, "edge-07")
        await pilot.press("E")
        await sees(pilot, "./cluster-edge-07.yaml")
        await pilot.press("enter")
        await sees(pilot, "Replace ./cluster-edge-07.yaml?")
        await pilot.press("n")
        await until(pilot, lambda: "was left as it is" in told(pilot), "the file left")
        assert saved.read_text() == "mine"

        await pilot.press("E")
        await sees(pilot, "./cluster-edge-07.yaml")
        await pilot.press("enter")
        await sees(pilot, "Replace ./cluster-edge-07.yaml?")
        await pilot.press("y")
        await until(pilot, lambda: "Saved cluster edge-07" in told(pilot), "the file saved")

    assert yaml.safe_load(saved.read_text())["name"] == "edge-07"
    assert stat.S_IMODE(saved.stat().st_mode) == 0o600


async def test_without_an_editor_a_line_says_what_to_do(api: ProvisionerApi, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.delenv("EDITOR", raising=False)
    async with terminal(api) as pilot:
        await sees(pilot, "edge-07")
        await pilot.press("ctrl+e")
        await until(pilot, lambda: "Set VISUAL or EDITOR" in told(pilot), "the line")


async def test_logs_of_a_cluster_are_its_newest_jobs(api: ProvisionerApi):
    async with terminal(api) as pilot:
        await sees(pilot, "edge-07")
        await pilot.press("l")
        await sees(pilot, "provision edge-07")
        await sees(pilot, "● live")


async def test_go_to_leads_from_a_job_to_its_cluster(api: ProvisionerApi):
    async with terminal(api) as pilot:
        await open_job(pilot)
        await pilot.press("g")
        await until(pilot, lambda: "refers to" in screen_text(pilot), "what it refers to")
        await pilot.press("enter")
        await sees(pilot, "control-plane")


async def test_reading_stays_on_what_was_read(api: ProvisionerApi):
    async with terminal(api) as pilot:
        await open_job(pilot)
        await pilot.press("y")
        await sees(pilot, "type: provision")
        assert isinstance(pilot.app.screen, ReadingScreen)
        await pilot.press("escape")
        await sees(pilot, "● live")
