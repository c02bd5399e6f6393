"""What a hand on the mouse does: rows, buttons, breadcrumbs, keys in the last line, the wheel."""

from __future__ import annotations

import pytest
from textual import events
from textual.pilot import Pilot

from tests.standins.provisioner_api import ProvisionerApi
from tests.standins.provisioner_bodies import JOB_ID, cluster, host
from tests.tui.conftest import crumbs, open_job, screen_text, sees, terminal, until
from tui.screens.cluster import ClusterScreen
from tui.screens.job import JobScreen
from tui.widgets.crumbs import Crumbs
from tui.widgets.event_log import EventLog
from tui.widgets.host_grid import HostGrid
from tui.widgets.row_table import RowTable


async def click(pilot: Pilot[None], words: str, *, times: int = 1) -> None:
    """On the first place where the words are on the screen."""
    await sees(pilot, words)
    lines = screen_text(pilot).splitlines()
    y = next(number for number, line in enumerate(lines) if words in line)
    await pilot.click(offset=(lines[y].index(words), y), times=times)


@pytest.fixture
def fleet(api: ProvisionerApi) -> ProvisionerApi:
    """Thirty clusters, more than fit."""
    first = api.clusters[0]
    others = [cluster(id=f"c{number}", name=f"yard-{number:02}") for number in range(29)]
    api.clusters = [first, *others]
    return api


async def test_a_click_chooses_a_row_and_another_opens_it(fleet: ProvisionerApi):
    async with terminal(fleet) as pilot:
        await click(pilot, "yard-03")
        table = pilot.app.screen.query_one(RowTable)
        await until(pilot, lambda: table.selected == "c3", "the row")
        await click(pilot, "edge-07")
        await until(pilot, lambda: table.selected == fleet.clusters[0]["id"], "the other row")
        await click(pilot, "edge-07")
        await until(pilot, lambda: isinstance(pilot.app.screen, ClusterScreen), "the cluster")
        await sees(pilot, "‹ clusters ‹ edge-07")

        at = crumbs(pilot).index("clusters")
        await pilot.click(Crumbs, offset=(at, 0))
        await until(pilot, lambda: pilot.app.screen.query_one(RowTable) is table, "the list")
        assert table.selected == fleet.clusters[0]["id"]


async def test_the_wheel_scrolls_a_list_and_leaves_its_cursor(fleet: ProvisionerApi):
    async with terminal(fleet) as pilot:
        await sees(pilot, "yard-03")
        table = pilot.app.screen.query_one(RowTable)
        await wheel(pilot, table, down=True)
        await until(pilot, lambda: table.scroll_offset.y > 0, "further down")
        await sees(pilot, "yard-28")
        assert table.cursor_row == 0
        await wheel(pilot, table, down=False)
        await until(pilot, lambda: table.scroll_offset.y == 0, "the top")


async def wheel(pilot: Pilot[None], widget: RowTable | EventLog | HostGrid, *, down: bool) -> None:
    """Far: as many notches as bring one to the end."""
    kind = events.MouseScrollDown if down else events.MouseScrollUp
    x, y = widget.region.x + 1, widget.region.y + 1
    for _ in range(60 if down else 40):
        pilot.app.screen._forward_event(
            kind(None, x, y, 0, 0, 0, False, False, False, screen_x=x, screen_y=y)
        )
    await pilot.pause()


async def test_a_key_of_the_last_line_and_the_buttons_of_a_question_are_clicked(api: ProvisionerApi):
    async with terminal(api) as pilot:
        await open_job(pilot)
        await sees(pilot, "● live")
        for answer, asked in (("n", 0), ("y", 1)):
            await click(pilot, "x Cancel")
            await sees(pilot, "Cancel provision edge-07?")
            await click(pilot, {"n": "n  no", "y": "y  yes"}[answer])
            await until(pilot, lambda: isinstance(pilot.app.screen, JobScreen), "the job again")
            await until(
                pilot,
                lambda asked=asked: api.count("POST", f"/jobs/{JOB_ID}/cancel") == asked,
                "what was answered",
            )


async def test_hosts_and_the_log_take_clicks_and_the_wheel(api: ProvisionerApi):
    api.hosts = [host(f"w{number:02}") for number in range(30)]
    for number in range(300):
        await api.add("host_ok", phase="preflight", host=f"w{number % 30:02}", task=f"Task {number}.")
    async with terminal(api, size=(120, 40)) as pilot:
        await open_job(pilot)
        await sees(pilot, "Task 299.")
        log = pilot.app.screen.query_one(EventLog)
        assert log.following
        await wheel(pilot, log, down=False)
        await until(pilot, lambda: not log.following, "it stays where one reads")
        await api.add("message", message="something new")
        await sees(pilot, "+1 new, f follows")
        await wheel(pilot, log, down=True)
        await sees(pilot, "something new")
        await until(pilot, lambda: log.following, "at the end again")

        grid = pilot.app.screen.query_one("#hosts", HostGrid)
        await wheel(pilot, grid, down=True)
        await sees(pilot, "w29")
        await click(pilot, "w29")
        await until(pilot, lambda: grid.selected == "w29", "the host")
