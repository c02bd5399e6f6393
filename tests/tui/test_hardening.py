"""The hardening screens: what is told, what is changed, and what is asked before."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from tests.standins.hardening_api import SECOND, HardeningApi
from tests.tui.conftest import crumbs, screen_text, sees, terminal, until
from tests.tui.test_subjects import told


@pytest.fixture
def api() -> HardeningApi:
    return HardeningApi()


@asynccontextmanager
async def opened(
    api: HardeningApi, *, size: tuple[int, int] = (120, 40), read_only: bool = False
) -> AsyncIterator[Pilot[None]]:
    """The hardening screen of the one cluster."""
    async with terminal(api, size=size, read_only=read_only) as pilot:
        await sees(pilot, "edge-07")
        await pilot.press("enter")
        await sees(pilot, "control-plane")
        await pilot.press("h")
        await sees(pilot, "SCORE OVER TIME")
        yield pilot


def found(pilot: Pilot[None]) -> str:
    """What the dialog that chooses an item says of its search."""
    lines = pilot.app.screen.query("#found")
    return str(lines.first(Static).content) if lines else ""


async def test_settings_scanners_and_scores_are_told_with_figures(api: HardeningApi):
    async with opened(api) as pilot:
        shown = screen_text(pilot)
        assert "CIS Kubernetes  ● on" in shown
        assert "CIS Linux       ○ off" in shown
        assert "lynis did not run on w1: lynis is not in the bundle" in shown
        kube_bench = next(line for line in shown.splitlines() if "kube-bench" in line)
        assert kube_bench.split()[1:3] == ["100.0", "91.2"]
        newest, oldest = (line for line in shown.splitlines() if "░" in line or "█" in line)
        assert newest.split()[-2:] == ["97.5", "+31.6"]
        assert "65.9" in oldest
        assert "hardening of edge-07" in crumbs(pilot)


async def test_what_was_never_scanned_says_so(api: HardeningApi):
    api.scans = []
    async with terminal(api, start=f"hardening/{api.clusters[0]['id']}") as pilot:
        await sees(pilot, "Nothing was scanned yet. v scans and changes nothing.")
        assert "never scanned" in crumbs(pilot)


async def test_the_colon_opens_it_by_the_name_of_a_cluster(api: HardeningApi):
    async with terminal(api) as pilot:
        await sees(pilot, "edge-07")
        await pilot.press("colon", *"hardening edge-07", "enter")
        await sees(pilot, "SCORE OVER TIME")


async def test_an_exception_is_chosen_given_a_reason_and_taken_away(api: HardeningApi):
    async with opened(api) as pilot:
        await pilot.press("a")
        await until(pilot, lambda: found(pilot) == "3 items", "all items")
        await pilot.press(*"Cipher")
        await until(pilot, lambda: found(pilot) == "1 items", "what was found")
        await pilot.press("down", "enter")
        await sees(pilot, "Exception: Ciphers of the SSH server")
        await pilot.press("enter")
        await sees(pilot, "✗ is needed")
        pilot.app.screen.query_one("#reason", Input).value = "An old client"
        await pilot.press("enter")
        await until(pilot, lambda: api.settings["exceptions"], "the exception")
        assert api.settings["exceptions"] == [{"id": "linux-5.1.2", "reason": "An old client"}]

        await pilot.press("greater_than_sign")
        await sees(pilot, "An old client")
        await pilot.press("e")
        await sees(pilot, "Exception")
        pilot.app.screen.query_one("#reason", Input).value = "A very old client"
        await pilot.press("enter")
        await sees(pilot, "A very old client")
        assert api.settings["exceptions"] == [{"id": "linux-5.1.2", "reason": "A very old client"}]

        await pilot.press("ctrl+d")
        await sees(pilot, "Take the exception linux-5.1.2 away?")
        await pilot.press("y")
        await sees(pilot, "no exceptions of its own")
        assert api.settings["exceptions"] == []


async def test_switches_and_level_are_changed_in_a_form(api: HardeningApi):
    async with opened(api) as pilot:
        await pilot.press("c")
        await sees(pilot, "CIS Linux")
        for member, value in (("enable_cis_linux_benchmark", "yes"), ("level", "one")):
            pilot.app.screen.query_one(f"#{member}", Input).value = value
        await pilot.press("ctrl+s")
        await sees(pilot, "✗ is a whole number, or empty")
        pilot.app.screen.query_one("#level", Input).value = "1"
        await pilot.press("ctrl+s")
        await sees(pilot, "CIS Linux       ● on")
    assert api.bodies == [{"enable_cis_linux_benchmark": True, "level": 1}]


async def test_hardening_is_started_by_a_typed_name_that_says_what_is_guarded(api: HardeningApi):
    async with opened(api) as pilot:
        await pilot.press("p")
        await sees(pilot, "Harden edge-07")
        await sees(pilot, "On: CIS Kubernetes, level 2.")
        await sees(pilot, "confirmed them")
        await pilot.press(*"edge", "enter")
        await sees(pilot, "That is not edge-07. Nothing was done.")
        assert api.accepted == []
        await pilot.press(*"-07", "enter")
        await sees(pilot, "‹ job provision edge-07")
    assert api.accepted == ["harden"]


async def test_a_scan_needs_no_question_and_a_new_key_does(api: HardeningApi):
    async with opened(api) as pilot:
        await pilot.press("v")
        await sees(pilot, "‹ job provision edge-07")
        await pilot.press("escape")
        await sees(pilot, "SCORE OVER TIME")
        await pilot.press("K")
        await sees(pilot, "Encrypt the Secrets of edge-07 with a new key?")
        await pilot.press("n")
        await sees(pilot, "SCORE OVER TIME")
        assert api.accepted == ["scan"]
        await pilot.press("K")
        await sees(pilot, "Encrypt the Secrets")
        await pilot.press("y")
        await sees(pilot, "‹ job provision edge-07")
    assert api.accepted == ["scan", "rotate-encryption-key"]


async def test_results_are_narrowed_by_the_server_and_told_in_full(api: HardeningApi):
    async with opened(api) as pilot:
        await pilot.press("o")
        await sees(pilot, "results 4")
        await sees(pilot, "--flag-1 is not set")
        await pilot.press("f")
        await sees(pilot, "results 2")
        await pilot.press("c", "c")
        await sees(pilot, "lynis · results 1")
        await sees(pilot, "BOOT-5122")
        await pilot.press("c", "h")
        await sees(pilot, "all nodes")
        await pilot.press("down", "down", "enter")
        await sees(pilot, "Nothing here is fail.")
        await pilot.press("F")
        await sees(pilot, "w1 · results 1")
        assert f"/hardening/reports/{SECOND}/results" in api.requests[-1][1]
        assert "host=w1" in api.requests[-1][1]


async def test_an_item_is_excepted_from_its_result(api: HardeningApi):
    async with opened(api) as pilot:
        await pilot.press("o")
        await sees(pilot, "results 4")
        await pilot.press("a")
        await sees(pilot, "Exception: Title of item 1")
        pilot.app.screen.query_one("#reason", Input).value = "Not here"
        await pilot.press("enter")
        await until(pilot, lambda: api.settings["exceptions"], "the exception")
        assert api.settings["exceptions"] == [{"id": "kubernetes-4.2.1", "reason": "Not here"}]
        await until(pilot, lambda: "Saved." in told(pilot), "the line")
        await pilot.press("down", "down", "down", "a")
        await until(pilot, lambda: "No item of the catalogue" in told(pilot), "the refusal")


async def test_two_scans_are_held_against_each_other(api: HardeningApi):
    async with opened(api) as pilot:
        await pilot.press("o")
        await sees(pilot, "results 4")
        await pilot.press("D")
        await sees(pilot, "changes 3")
        for words in ("✗ broken", "● fixed", "+ appeared", "+31.6"):
            assert words in screen_text(pilot)
        await pilot.press("b")
        await sees(pilot, "Against")
        await pilot.press("enter")
        await until(pilot, lambda: "against=1111" in api.requests[-1][1], "the other scan asked for")


async def test_a_scan_is_exported_and_its_raw_reports_are_saved(api: HardeningApi, tmp_path: Path):
    async with opened(api) as pilot:
        await pilot.press("o")
        await sees(pilot, "results 4")
        await pilot.press("x")
        await sees(pilot, "Export as")
        await pilot.press("down", "down", "enter")
        await sees(pilot, "Export the scan")
        pilot.app.screen.query_one("#path", Input).value = str(tmp_path / "scan.sarif")
        await pilot.press("enter")
        await until(pilot, (tmp_path / "scan.sarif").exists, "the file")
        assert (tmp_path / "scan.sarif").read_text() == '{"form": "sarif"}'
        assert (tmp_path / "scan.sarif").stat().st_mode & 0o777 == 0o600

        await pilot.press("A")
        await sees(pilot, "c1-kube-bench.json")
        await pilot.press("enter")
        await sees(pilot, "Save c1-kube-bench.json")
        pilot.app.screen.query_one("#path", Input).value = str(tmp_path / "raw.json")
        await pilot.press("enter")
        await until(pilot, (tmp_path / "raw.json").exists, "the file")


async def test_a_scan_job_leads_to_its_results_and_files(api: HardeningApi):
    async with terminal(api, start=f"jobs/{next(reversed(api.jobs))}", size=(120, 40)) as pilot:
        await sees(pilot, "‹ scan edge-07")
        await pilot.press("H")
        await sees(pilot, "results 4")
        await pilot.press("j")
        await sees(pilot, "‹ scan edge-07")
        await pilot.press("A")
        await sees(pilot, "c1-kube-bench.json")


async def test_one_who_only_reads_is_offered_no_changes(api: HardeningApi):
    async with opened(api, read_only=True) as pilot:
        for words in ("Harden ", "Scan ", "Settings", "Except "):
            assert words not in screen_text(pilot).splitlines()[-1]
        await pilot.press("p", "v", "K", "a", "c")
        await pilot.press("o")
        await sees(pilot, "results 4")
    assert api.accepted == []
