"""Every screen of the registry: as text at three sizes; and every list whole at any other.

New nouns are covered by themselves. After a change that was meant, read the difference that
`pytest tests/tui/test_screens.py --snapshot-update` makes.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from syrupy.assertion import SnapshotAssertion
from textual.pilot import Pilot

from tests.standins.documented_api import DocumentedApi
from tests.standins.provisioner_bodies import CLUSTER_ID, JOB_ID
from tests.tui.conftest import crumbs, screen_text, terminal, until
from tui import messages, nouns, text
from tui.screens import dashboard

NOW = datetime(2026, 2, 1, 12, tzinfo=UTC)
ANY = "00000000-0000-4000-8000-000000000001"
KNOWN = {"clusters": CLUSTER_ID, "jobs": JOB_ID, "plans": JOB_ID, "workers": "yard-1"}
LISTED = [noun.name for noun in nouns.registered() if noun.screen is not None]
#: What a noun opens by an id that the stand-in knows, and what makes a new one.
OPENED = [
    *((noun.name, KNOWN.get(noun.name, ANY)) for noun in nouns.registered() if noun.detail is not None),
    *((noun.name, "new") for noun in nouns.registered() if noun.create is not None),
]
SIZES = [(80, 24), (120, 40), (300, 80)]


@pytest.fixture(autouse=True)
def frozen(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One moment, one time zone, one place for settings: none."""
    monkeypatch.setattr(text, "now", lambda: NOW)
    monkeypatch.setattr(dashboard, "time", SimpleNamespace(monotonic=lambda: 0.0))
    monkeypatch.setenv("KEELYARD_CONFIG", "/nonexistent/config.yaml")
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


async def at_rest(pilot: Pilot[None]) -> str:
    """The screen once it has a line of keys and stays as it is; that line is made anew several times."""
    seen: deque[str] = deque(maxlen=5)

    def rests() -> bool:
        seen.append(screen_text(pilot))
        whole = bool(seen[-1].rpartition("\n")[2]) and "connecting" not in seen[-1]
        return whole and len(seen) == seen.maxlen and len(set(seen)) == 1

    await until(pilot, rests, "a screen at rest with its keys")
    return seen[-1]


@pytest.mark.parametrize("size", SIZES, ids=lambda size: "x".join(map(str, size)))
async def test_every_list_looks_as_it_did(size: tuple[int, int], snapshot: SnapshotAssertion):
    async with terminal(DocumentedApi(), start=LISTED[0], size=size) as pilot:
        await until(pilot, lambda: "● connected" in screen_text(pilot), "the first screen")
        for name in LISTED:
            pilot.app.post_message(messages.Go(name))
            await until(pilot, lambda name=name: pilot.app.current_mode == name, name)
            await until(
                pilot, lambda: "◐ reading" not in crumbs(pilot) and "● con" in screen_text(pilot), name
            )
            assert await at_rest(pilot) == snapshot(name=name)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: "x".join(map(str, size)))
async def test_every_single_thing_looks_as_it_did(size: tuple[int, int], snapshot: SnapshotAssertion):
    async with terminal(DocumentedApi(), start=LISTED[0], size=size) as pilot:
        await until(pilot, lambda: "● connected" in screen_text(pilot), "the first screen")
        for name, key in OPENED:
            below = pilot.app.screen
            pilot.app.post_message(messages.Open(name, key))
            await until(pilot, lambda below=below: pilot.app.screen is not below, f"{name}/{key}")
            await until(pilot, lambda: "◐ reading" not in crumbs(pilot), name)
            assert await at_rest(pilot) == snapshot(name=f"{name}-{'new' if key == 'new' else 'one'}")
            await pilot.app.pop_screen()


async def test_no_size_breaks_a_screen():
    api = DocumentedApi()
    async with terminal(api, start=LISTED[0]) as pilot:
        await until(pilot, lambda: "● connected" in screen_text(pilot), "the first screen")
        for name in LISTED:
            pilot.app.post_message(messages.Go(name))
            await until(pilot, lambda name=name: pilot.app.current_mode == name, name)
            for width, height in ((40, 10), (59, 14), (81, 25), (300, 80)):
                await pilot.resize_terminal(width, height)
                await until(pilot, lambda size=(width, height): pilot.app.size == size, "the size")
                shown = screen_text(pilot)
                assert max(map(len, shown.splitlines())) <= width
                assert "keelyard" in shown
            await pilot.resize_terminal(80, 24)


async def test_a_terminal_that_is_too_small_says_so():
    async with terminal(DocumentedApi(), size=(40, 10)) as pilot:
        await until(pilot, lambda: "60×15" in crumbs(pilot), "the notice")
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: "60×15" not in crumbs(pilot), "no notice")
