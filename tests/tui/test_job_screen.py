"""The job screen: where it is, who failed, why, and what one can do."""

from __future__ import annotations

from datetime import timedelta

from tests.standins.provisioner_api import ProvisionerApi
from tests.standins.provisioner_bodies import JOB_ID, host
from tests.tui.conftest import crumbs, open_job, screen_text, sees, terminal, until
from tui import text
from tui.screens.job import JobScreen
from tui.widgets.event_log import EventLog
from tui.widgets.host_grid import HostGrid


def rows(pilot, table: str) -> list[list[str]]:
    found = pilot.app.screen.query_one(f"#{table}", HostGrid)
    return [[cell.plain for cell in found.get_row_at(row)] for row in range(found.row_count)]


async def test_hosts_are_shown_with_a_word_and_a_sign_and_the_failure_comes_first(api: ProvisionerApi):
    api.hosts = [
        host("c1", "changed", ok=41, changed=3, duration_seconds=75.0, last_sequence=90),
        host("w1", "unreachable", ok=2, unreachable=1, failure="no answer", last_sequence=70),
        host("w2", "failed", failed=1, failed_task="Drain", failure="held by a budget", last_sequence=50),
        host("w3", "pending"),
    ]
    await api.end("failed")
    async with terminal(api) as pilot:
        await open_job(pilot)
        await sees(pilot, '✗ "Drain" failed on w2: held by a budget')
        shown = [row[:6] for row in rows(pilot, "hosts")]
        whole = screen_text(pilot)

    assert shown == [
        ["c1", "● changed", "41", "3", "0", "1m15"],
        ["w1", "✗ lost", "2", "0", "1", ""],
        ["w2", "✗ failed", "0", "0", "1", ""],
        ["w3", "○ pending", "0", "0", "0", ""],
    ]
    assert all(word in whole for word in ("● changed", "✗ lost", "FAIL"))  # within 80 columns


async def test_counts_of_the_server_and_of_the_stream_are_not_added_twice(api: ProvisionerApi):
    for number in range(5):
        await api.add("host_ok", host="w1", task=f"Task {number}")
    api.hosts = [host("w1", "running", ok=5, last_sequence=5)]
    async with terminal(api) as pilot:
        await open_job(pilot)
        await until(pilot, lambda: rows(pilot, "hosts") and rows(pilot, "hosts")[0][2] == "5", "five")
        await sees(pilot, "● live")
        await api.add("host_changed", host="w1", task="Task 6")
        await until(pilot, lambda: rows(pilot, "hosts")[0][2:4] == ["6", "1"], "six")

        api.hosts = [host("w1", "running", ok=5, last_sequence=5)]  # an answer that was under way
        await pilot.press("ctrl+r")
        await pilot.pause(0.2)
        assert rows(pilot, "hosts")[0][2:4] == ["6", "1"]


async def test_a_long_job_opens_at_its_end_and_goes_on_upwards(api: ProvisionerApi):
    for number in range(1, 1201):
        await api.add("message", message=f"line {number}.")
    async with terminal(api) as pilot:
        await open_job(pilot)
        await sees(pilot, "line 1200.")
        log = pilot.app.screen.query_one(EventLog)
        assert log.kept == 500
        assert "↑ more above" in screen_text(pilot)

        await pilot.press("home")
        await until(pilot, lambda: log.kept == 1000, "the page before")
        await sees(pilot, "line 701.")  # what was seen stays in its place
        await pilot.press("home")
        await until(pilot, lambda: log.kept == 1200, "the first page")
        await pilot.press("home")
        await sees(pilot, "line 1.")
        assert "more above" not in screen_text(pilot)

        await pilot.press("f")
        await sees(pilot, "line 1200.")
        await api.add("message", message="and on")
        await sees(pilot, "and on")


async def test_a_running_job_says_how_much_is_left_while_that_is_known(api: ProvisionerApi):
    finish = text.now() + timedelta(hours=3, minutes=9, seconds=59)
    api.jobs[JOB_ID]["estimated_finish_at"] = finish.isoformat()
    async with terminal(api) as pilot:
        await open_job(pilot)
        await until(pilot, lambda: "~3h0" in crumbs(pilot), "the rest of the time")

        api.jobs[JOB_ID]["estimated_finish_at"] = text.now().isoformat()
        await pilot.press("ctrl+r")
        await until(pilot, lambda: "should end now" in crumbs(pilot), "the end")

        del api.jobs[JOB_ID]["estimated_finish_at"]
        await pilot.press("ctrl+r")
        await until(pilot, lambda: "should end" not in crumbs(pilot), "no estimate")
        assert "left" not in crumbs(pilot)


async def test_a_retry_takes_all_hosts_or_those_that_are_marked(api: ProvisionerApi):
    api.hosts = [host("c1", "ok", ok=3), host("w1", "failed", failed=1), host("w2", "failed", failed=1)]
    await api.end("failed")
    async with terminal(api) as pilot:
        await open_job(pilot)
        await until(pilot, lambda: len(rows(pilot, "hosts")) == 3, "the hosts")
        await pilot.press("h", "down", "space", "down", "space", "space")
        assert [row[0] for row in rows(pilot, "hosts")] == ["c1", "+w1", "w2"]
        await pilot.press("r")
        await sees(pilot, "○ queued")
        assert api.retried == ["w1"]

    async with terminal(api) as pilot:
        await open_job(pilot)
        await pilot.press("R")
        await until(pilot, lambda: api.retried == "all", "the retry")


async def test_the_slowest_tasks_are_a_key_away(api: ProvisionerApi):
    task = {"task": "Pull images", "role": None, "phase": "preflight", "host": "w1", "seconds": 61.25}
    api.tasks = [{**task, "sequence": 4}]
    async with terminal(api) as pilot:
        await open_job(pilot)
        await pilot.press("T")
        await sees(pilot, "61.2 s  w1              Pull images")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, JobScreen), "the job again")
