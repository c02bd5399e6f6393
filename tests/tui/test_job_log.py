"""The log of a job: filters and searches beyond what is loaded, following, floods, hostile text, layouts."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.standins.provisioner_api import ProvisionerApi
from tests.standins.provisioner_bodies import JOB_ID, PLAN_ID, host, plan
from tests.tui.conftest import crumbs, open_job, screen_text, sees, terminal, until
from tui.screens.job import JobScreen
from tui.widgets.event_log import EventLog
from tui.widgets.host_grid import HostGrid


def log_of(pilot: Pilot[None]) -> EventLog:
    return pilot.app.screen.query_one("#event-log", EventLog)


async def told(api: ProvisionerApi, count: int) -> None:
    """So many events on five hosts; the third failed, long before what a terminal loads."""
    for number in range(1, count + 1):
        failed = number == 3
        await api.add(
            "host_failed" if failed else "host_ok",
            phase="preflight" if number < 50 else "control-plane",
            host=f"w{number % 5}",
            task=f"Task {number}",
            message="swap is on" if failed else "",
        )


async def test_next_failure_is_found_beyond_what_is_loaded(api: ProvisionerApi):
    await told(api, 1500)
    async with terminal(api) as pilot:
        await open_job(pilot)
        await sees(pilot, "Task 1500")
        await pilot.press("N")
        await sees(pilot, "▸10:00:00 w3             ✗ FAILED  Task 3  swap is on")
        assert not log_of(pilot).window.attached

        await pilot.press("f")
        await sees(pilot, "Task 1500")
        await sees(pilot, "● follow")


async def test_a_search_goes_through_the_whole_job_and_can_be_narrowed_to(api: ProvisionerApi):
    await told(api, 1500)
    async with terminal(api) as pilot:
        await open_job(pilot)
        await sees(pilot, "Task 1500")
        await pilot.press("slash", *"task 12", "enter")
        await sees(pilot, "▸10:00:00 w4             ok        Task 1299")
        await pilot.press("N")
        await sees(pilot, "▸10:00:00 w3             ok        Task 1298")
        await pilot.press("ampersand")
        await until(pilot, lambda: log_of(pilot).kept == 111, "12, 120 to 129, 1200 to 1299")
        await pilot.press("home")
        await sees(pilot, "Task 12\n")

        await pilot.press("escape")
        assert isinstance(pilot.app.screen, JobScreen)
        await pilot.press("escape")
        await sees(pilot, "↑ more above")


async def test_filters_ask_the_server_and_escape_drops_them(api: ProvisionerApi):
    await told(api, 1500)
    async with terminal(api) as pilot:
        await open_job(pilot)
        await sees(pilot, "Task 1500")
        await pilot.press("F")
        await until(
            pilot, lambda: [line.sequence for line in log_of(pilot).window.lines] == [3], "one failure"
        )
        await api.add("host_failed", host="w1", task="Last", message="full disk")
        await sees(pilot, "full disk")
        await api.add("host_ok", host="w1", task="Not shown")

        await pilot.press("F", "h", "down", "h")
        await until(pilot, lambda: {line.host for line in log_of(pilot).window.lines} == {"w1"}, "one host")
        assert "host: w1" in screen_text(pilot)
        await pilot.press("escape", "p", "enter")
        await until(pilot, lambda: log_of(pilot).kept == 49, "one phase")
        assert isinstance(pilot.app.screen, JobScreen)


async def test_scrolled_up_it_stays_and_counts_what_comes(api: ProvisionerApi):
    await told(api, 60)
    async with terminal(api) as pilot:
        await open_job(pilot)
        await sees(pilot, "● live")
        await pilot.press("up", "pageup")
        top = log_of(pilot).scroll_offset
        for number in range(3):
            await api.add("message", message=f"new {number}")
        await sees(pilot, "○ +3 new")
        assert log_of(pilot).scroll_offset == top
        assert "new 2" not in screen_text(pilot)

        await pilot.press("end")
        await sees(pilot, "new 2")
        await sees(pilot, "● follow")


async def test_a_flood_ends_complete_and_in_order(api: ProvisionerApi):
    async with terminal(api) as pilot:
        await open_job(pilot)
        await sees(pilot, "● live")
        await told(api, 20_000)
        await sees(pilot, "Task 20000")
        shown = [line.sequence for line in log_of(pilot).window.lines]
        grid = pilot.app.screen.query_one(HostGrid)

        assert shown == list(range(1, 20_001))
        counted = [int(cell.plain) for row in range(5) for cell in grid.get_row_at(row)[2:5:2]]
        assert sum(counted) == 20_000


async def test_two_thousand_hosts_are_a_scroll_away(api: ProvisionerApi):
    api.hosts = [host(f"node-{number:04}", "running", ok=number) for number in range(2000)]
    api.hosts[1700] |= {"status": "failed", "failed": 1, "failed_task": "Drain", "failure": "held"}
    async with terminal(api) as pilot:
        await open_job(pilot)
        await sees(pilot, "h hosts 2000 · ✗ 1 failed")
        await pilot.press("h", "end")
        await sees(pilot, "▸node-1999    ◐ running 1999")
        await pilot.press("o", "home")
        await sees(pilot, "▸node-1700    ✗ failed")


async def test_an_event_is_read_whole_and_drives_nothing(api: ProvisionerApi):
    result = {"stdout": "first\x1b[31m\nsecond\x00 [bold]x[/]", "stderr": "", "rc": 1, "diff": "+a"}
    await api.add(
        "host_failed", host="w1", task="T\x1b]0;t\x07", message="\u202ebad", data={"result": result}
    )
    await api.add("message", message="x" * 500)
    async with terminal(api) as pilot:
        await open_job(pilot)
        await sees(pilot, "…")
        await pilot.press("w")
        await until(pilot, lambda: "…" not in screen_text(pilot), "wrapped lines")
        await pilot.press("n", "enter")
        await sees(pilot, "── stdout ──")
        shown = screen_text(pilot)

        assert "[bold]x[/]" in shown
        assert "── rc ──" in shown
        assert "stderr" not in shown
        assert not {"\x1b", "\x00", "\u202e"} & set(shown)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, JobScreen), "the job again")


async def test_the_whole_log_is_shown_and_saved_for_its_owner_alone(api: ProvisionerApi, tmp_path: Path):
    for number in range(1, 2501):
        await api.add("message", message=f"line {number}.")
    target = tmp_path / "log.txt"
    async with terminal(api) as pilot:
        await open_job(pilot)
        await pilot.press("l")
        await sees(pilot, "2,500 lines")
        await sees(pilot, "line 2500.")
        await pilot.press("slash", *"line 17.", "enter")
        await sees(pilot, "▸2026-01-29T10:00:00Z message line 17.")
        await pilot.press("E")
        await sees(pilot, "Save job log")
        await pilot.press("ctrl+u", *str(target), "enter")
        await until(pilot, target.exists, "the file")
        await sees(pilot, "Saved as")

    assert target.read_text().splitlines()[16].endswith("line 17.")
    assert len(target.read_text().splitlines()) == 2500
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


async def test_narrow_terminals_fold_and_wide_ones_show_three_hosts_beside_each_other(api: ProvisionerApi):
    await told(api, 100)
    api.hosts = [host(f"w{number}", "running", ok=1) for number in range(5)]
    async with terminal(api) as pilot:
        await open_job(pilot)
        await sees(pilot, "▸h hosts 5")
        await pilot.press("p")
        await sees(pilot, "▸p phases")
        await sees(pilot, "○ pending    Preflight")

        await pilot.press("h", "down", "space", "down", "space", "down", "space")
        await pilot.resize_terminal(300, 50)
        await until(pilot, lambda: pilot.app.screen.has_class("wide"), "three logs")
        sides = [pilot.app.screen.query_one(f"#side-{number}", EventLog) for number in (1, 2, 3)]
        await until(
            pilot,
            lambda: [{line.host for line in log.window.lines} for log in sides] == [{"w1"}, {"w2"}, {"w3"}],
            "a log for each marked host",
        )
        await api.add("host_ok", host="w2", task="Beside")
        await sees(pilot, "Beside")
        await pilot.press("v")
        await until(
            pilot, lambda: log_of(pilot).display and not pilot.app.screen.has_class("wide"), "one log"
        )


@pytest.mark.parametrize(
    ("status", "reason", "words"),
    [
        ("cancelled", "cancelled", "▲ cancelled"),
        ("failed", "interrupted", "✗ failed · interrupted"),
        ("success", None, "● success"),
    ],
)
async def test_the_end_of_a_job_is_told_in_words(
    api: ProvisionerApi, status: str, reason: str | None, words: str
):
    await told(api, 2)
    await api.end(status, **({"reason": reason} if reason else {}))
    async with terminal(api) as pilot:
        await open_job(pilot)
        await until(pilot, lambda: words in crumbs(pilot), words)
        await sees(pilot, "○ complete")
        await pilot.press("x")
        await until(
            pilot,
            lambda: any("nothing to cancel" in told.message for told in pilot.app._notifications),
            "why it cannot be cancelled",
        )


async def test_a_failure_says_what_can_be_done(api: ProvisionerApi):
    api.hosts = [host("w1", "failed", failed=1, failed_task="Drain", failure="held", last_sequence=1)]
    await api.end("failed")
    async with terminal(api) as pilot:
        await open_job(pilot)
        await sees(pilot, "▸ r retry what failed · R on all nodes")
        await pilot.press("h", "space")
        await sees(pilot, "▸ r retry on 1 marked")


async def test_a_job_that_made_a_plan_opens_it(api: ProvisionerApi):
    api.plans[PLAN_ID] = plan()
    api.plans[JOB_ID] = api.plans.pop(PLAN_ID)
    api.jobs[JOB_ID] |= {"type": "plan", "status": "success"}
    async with terminal(api) as pilot:
        await sees(pilot, "edge-07")
        await pilot.press("2")
        await sees(pilot, "● success")
        await pilot.press("enter")
        await sees(pilot, "‹ jobs ‹ plan edge-07")
        await pilot.press("P")
        await sees(pilot, "3 changes on 1 of 2 nodes")
