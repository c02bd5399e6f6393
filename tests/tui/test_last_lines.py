"""The first line and the passing ones: what is cut, what is told, and what is never covered."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from textual.pilot import Pilot

from tests.standins.provisioner_api import ProvisionerApi
from tests.standins.provisioner_bodies import JOB_ID, cluster, wanted
from tests.tui.conftest import screen_text, sees, terminal, until
from tui import client, wire
from tui.profiles import Profile, Profiles
from tui.widgets.row_table import RowTable
from tui.widgets.title_bar import TitleBar


async def test_the_server_is_read_before_the_mail_address(api: ProvisionerApi):
    api.tells_news = False
    async with terminal(api) as pilot:
        await sees(pilot, "● connected")
        bar = pilot.app.screen.query_one(TitleBar)
        here = pilot.app.client  # type: ignore[attr-defined]
        here.url = "https://yard.example.org/keelyard"
        here.user = msgspec.structs.replace(here.user, email=f"{'ana.' * 9}example@yard")
        shown = bar.render().plain

    assert "https://yard.example.org/keelyard" in shown
    assert "… · admin" in shown
    assert len(shown) == 80


def rows(pilot: Pilot[None], words: str) -> list[str]:
    return [line for line in screen_text(pilot).splitlines() if words in line]


@pytest.mark.parametrize("filtered", [False, True])
async def test_a_passing_line_covers_neither_the_cursor_nor_the_keys(api: ProvisionerApi, filtered: bool):
    api.clusters = [cluster(id=f"c{number}", name=f"yard-{number:02}") for number in range(30)]
    async with terminal(api) as pilot:
        await sees(pilot, "yard-00")
        if filtered:
            await pilot.press("slash", *"yard", "enter")
        table = pilot.app.screen.query_one(RowTable)
        height = table.size.height
        for _ in range(height - 2):  # to the last row in sight
            await pilot.press("down")
        selected = f"yard-{table.cursor_row:02}"
        assert rows(pilot, selected)
        pilot.app.screen.say("one more word", failed=True)  # type: ignore[attr-defined]
        await sees(pilot, "✗ not done: one more word")
        await until(pilot, lambda: rows(pilot, selected), "the cursor's row")

        last = screen_text(pilot).splitlines()
        assert "Filter" in last[-1]
        assert ("yard" in last[-2]) is filtered
        assert "one more word" in last[-3 if filtered else -2]
        pilot.app.clear_notifications()
        await until(pilot, lambda: table.size.height == height, "the row again")


@pytest.fixture
def trouble(api: ProvisionerApi) -> None:
    subject = {"noun": "jobs", "id": JOB_ID, "name": "edge-07"}
    api.attention = [wanted(id=f"job/{JOB_ID}", subject=subject, action="retry")]


async def test_a_session_that_only_reads_is_not_told_of_keys(api: ProvisionerApi, trouble: None):
    async with terminal(api, start="dashboard", read_only=True, size=(120, 30)) as pilot:
        await sees(pilot, "NEEDS YOU")
        await sees(pilot, "enter ▸")
        assert "r retry" not in screen_text(pilot)


async def test_a_key_that_was_moved_is_named_where_it_is(
    api: ProvisionerApi, trouble: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / "config.yaml"
    monkeypatch.setenv("KEELYARD_CONFIG", str(path))
    Profiles.load().save(Profile("yard", "http://127.0.0.1:8000"))
    path.write_text(path.read_text() + "keys: {dashboard.retry: f6}\n")
    async with terminal(api, start="dashboard", profile="yard", size=(120, 30)) as pilot:
        await sees(pilot, "f6 retry")


async def test_the_wizard_offers_the_templates_of_every_page(monkeypatch: pytest.MonkeyPatch):
    asked = []

    async def page(self: object, number: int = 1) -> wire.Page[wire.Template]:
        asked.append(number)
        return wire.Page(data=[], total=3, page=number, page_size=1, total_pages=3)

    monkeypatch.setattr(client.Client, "templates", page)
    await client.Client("http://127.0.0.1:8000").every_template()

    assert asked == [1, 2, 3]
