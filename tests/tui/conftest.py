"""The terminal against the stand-in API, driven as an operator drives it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import argon2
import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from engine.services import passwords
from tests.contract import harness

# One database server for all of these tests; every test has a database of its own on it.
from tests.integration.conftest import database_url, server_home, template  # noqa: F401
from tests.standins.provisioner_api import PASSWORD, ProvisionerApi
from tests.standins.provisioner_bodies import EMAIL
from tui.app import Terminal
from tui.client import Client

PATIENCE_SECONDS = 20.0


@pytest.fixture(autouse=True)
def _quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2id with the smallest parameters: the real API logs in for every test."""
    small = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(passwords, "_hasher", small)
    monkeypatch.setattr(passwords, "_decoy", "")


async def until(pilot: Pilot[None], met: Callable[[], object], what: str) -> None:
    """Lets the terminal work until the condition holds."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        try:
            while not met():
                await pilot.pause(0.02)
        except asyncio.CancelledError:
            raise AssertionError(f"never saw: {what}\n{screen_text(pilot)}") from None


def screen_text(pilot: Pilot[None]) -> str:
    """What the terminal shows, as plain text."""
    width, height = pilot.app.size
    lines = pilot.app.screen._compositor.render_strips()
    return "\n".join(strip.text[:width].rstrip() for strip in lines[:height])


async def sees(pilot: Pilot[None], words: str) -> None:
    """Waits until the words are on the screen, or in a passing line, wherever that is broken."""

    def there() -> bool:
        shown = screen_text(pilot)
        return words in shown or words in " ".join(shown.replace("▌", " ").split())

    await until(pilot, there, words)


def crumbs(pilot: Pilot[None]) -> str:
    """The second line of the screen on top; empty where it has none, as the line of commands."""
    return " ".join(str(line.render()) for line in pilot.app.screen.query("#crumbs").results(Static))


@pytest.fixture
async def server(database_url: str) -> AsyncIterator[harness.Api]:  # noqa: F811
    """A running server with an administrator."""
    async with harness.serving(harness.settings(database_url)) as running:
        yield running


@pytest.fixture
def api() -> ProvisionerApi:
    """A server with one cluster and one running job."""
    return ProvisionerApi()


@asynccontextmanager
async def terminal(
    api: ProvisionerApi,
    *,
    email: str = EMAIL,
    password: str = PASSWORD,
    start: str = "clusters",
    profile: str = "",
    read_only: bool = False,
    size: tuple[int, int] = (80, 24),
) -> AsyncIterator[Pilot[None]]:
    """The terminal, on the list of clusters and at 80x24 unless said otherwise. It may not stumble."""
    client = Client("http://127.0.0.1:8000", profile=profile, read_only=read_only, transport=api.transport)
    app = Terminal(client, email=email, password=password, start=start)
    async with app.run_test(size=size, notifications=True) as pilot:
        yield pilot
        assert app.stumbled == []


async def open_job(pilot: Pilot[None]) -> None:
    """From the start to the running job."""
    await sees(pilot, "edge-07")
    await pilot.press("2")
    await sees(pilot, "provision")
    await pilot.press("enter")
    await sees(pilot, "‹ provision edge-07")
