"""`?` lists every key that works here and every command; it scrolls."""

from __future__ import annotations

from textual.containers import VerticalScroll

from tests.standins.provisioner_api import ProvisionerApi
from tests.tui.conftest import open_job, sees, terminal, until


async def test_help_is_grouped_and_scrolls_to_its_end(api: ProvisionerApi):
    async with terminal(api) as pilot:
        await open_job(pilot)
        await pilot.press("question_mark")
        await sees(pilot, "THIS SCREEN")
        await sees(pilot, "Ask the job to stop")
        lines = pilot.app.screen.query_one(VerticalScroll)
        await pilot.press("end")
        await until(pilot, lambda: lines.scroll_offset.y == lines.max_scroll_y > 0, "the end")
        await sees(pilot, ":quit")
        await pilot.press("escape")
        await sees(pilot, "‹ provision edge-07")
