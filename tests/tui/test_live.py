"""The live connection: news without a key, a server that restarts, tokens that end, no storm of requests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from textual.pilot import Pilot

from engine.services import following, tokens
from tests.contract import harness
from tests.standins.provisioner_api import ProvisionerApi
from tests.tui.conftest import screen_text, sees, terminal, until
from tests.tui.test_against_the_api import signed_in
from tui import allowance, live, messages
from tui.allowance import Allowance
from tui.client import Client
from tui.live import Collector, Live
from tui.live_state import Connection
from tui.widgets.title_bar import TitleBar


class Clock:
    """Time that passes when told to, and what is due then."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._due: list[tuple[float, Callable[[], None]]] = []

    def monotonic(self) -> float:
        return self.now

    def call_later(self, seconds: float, call: Callable[[], None]) -> object:
        self._due.append((self.now + seconds, call))
        return object()

    def passes(self, seconds: float) -> None:
        end = self.now + seconds
        while ready := [each for each in self._due if each[0] <= end]:
            first = min(ready, key=lambda each: each[0])
            self._due.remove(first)
            self.now = max(self.now, first[0])
            first[1]()
        self.now = end


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(live, "time", made)
    monkeypatch.setattr(live, "asyncio", SimpleNamespace(get_running_loop=lambda: made))
    return made


def test_a_hundred_changes_in_a_second_are_told_in_three_words(clock: Clock):
    told: list[messages.News] = []
    collector = Collector(told.append)

    for number in range(100):
        collector.add(job=f"job-{number}")
        clock.passes(0.01)
    within = len(told)
    clock.passes(10)

    assert within <= 3
    assert frozenset().union(*(news.jobs for news in told)) == {f"job-{number}" for number in range(100)}


def test_one_change_is_told_at_once(clock: Clock):
    told: list[float] = []
    collector = Collector(lambda _: told.append(clock.now))
    for _ in range(2):
        collector.add(cluster="c")
        clock.passes(0)
        clock.passes(60)

    assert told == [1000.0, 1060.0]


def test_steady_news_do_not_use_up_what_the_server_allows(clock: Clock, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(allowance, "time", clock)
    loads, allowed = 0, Allowance(5, 6.0)
    for _ in range(3600):
        while allowed.take() == 0:
            loads += 1
        clock.passes(1)

    assert 550 < loads < 650  # of 1000 an hour
    clock.passes(60)
    assert [allowed.take() == 0 for _ in range(6)] == [True] * 5 + [False]


async def test_what_others_do_is_seen_without_a_key(server: harness.Api):
    client = await server.admin()
    async with signed_in(server) as pilot:
        await sees(pilot, "● live")
        assert " ms" in pilot.app.screen.query_one(TitleBar).connection

        await client.post("/api/v1/clusters", json=harness.cluster_body())
        await sees(pilot, "yard-1")
        await pilot.press("2")
        await sees(pilot, "provision")
        await client.post("/api/v1/clusters", json=harness.cluster_body("yard-2", network="192.0.3"))
        await sees(pilot, "yard-2")


async def test_the_server_may_restart_under_the_terminal(server: harness.Api):
    port = int(server.url.rpartition(":")[2])
    async with signed_in(server) as pilot:
        await sees(pilot, "● live")
        await server.stop()
        await sees(pilot, "▲ reconnecting")
        await sees(pilot, "stale since")

        async with harness.serving(server.settings, port) as again:
            await (await again.admin()).post("/api/v1/clusters", json=harness.cluster_body())
            await sees(pilot, "yard-1")
            await sees(pilot, "● live")
            assert "stale" not in screen_text(pilot)


async def test_a_token_that_ends_while_news_stream_in_is_renewed_unseen(
    server: harness.Api, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(following, "TOKEN_SECONDS", 0.1)
    monkeypatch.setattr(tokens, "LEEWAY_SECONDS", 0)
    monkeypatch.setattr(live, "_STEADY_SECONDS", 0.0)
    monkeypatch.setattr(server.provider, "_access_lifetime", timedelta(seconds=1))
    client, seen, opened = Client(server.url), set[Connection](), 0

    @asynccontextmanager
    async def counted(jobs: object, open_stream: Any = client.everything) -> AsyncIterator[object]:
        nonlocal opened
        opened += 1
        async with open_stream(jobs) as response:
            yield response

    monkeypatch.setattr(client, "everything", counted)
    await client.sign_in(harness.ADMIN, harness.PASSWORD)
    changed = asyncio.Event()

    def look() -> None:
        seen.add(client.live.connection)
        changed.set()

    follower = Live(client, lambda _: None, look)
    following_it = asyncio.create_task(follower.run())
    async with asyncio.timeout(60):
        while opened < 3:
            await changed.wait()
            changed.clear()
    following_it.cancel()
    await asyncio.gather(following_it, return_exceptions=True)
    await client.close()

    assert Connection.LIVE in seen
    assert Connection.LOST not in seen


async def test_a_session_that_ends_asks_for_a_new_sign_in_and_is_live_again(
    server: harness.Api, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(following, "TOKEN_SECONDS", 0.1)
    async with signed_in(server) as pilot:
        await sees(pilot, "● live")
        held = client_of(pilot)._tokens
        assert held is not None
        await server.anonymous(Authorization=f"Bearer {held.access_token}").post("/api/v1/auth/logout")
        await sees(pilot, "Sign in again")
        await pilot.press(*harness.PASSWORD, "enter")
        await sees(pilot, "● live")


def client_of(pilot: Pilot[None]) -> Client:
    found = pilot.app.client  # type: ignore[attr-defined]
    assert isinstance(found, Client)
    return found


async def test_a_server_without_news_is_asked_from_time_to_time(api: ProvisionerApi):
    api.tells_news = False
    async with terminal(api) as pilot:
        await sees(pilot, "● connected")
        assert client_of(pilot).live.connection is Connection.NONE


async def test_a_hidden_screen_does_not_load(api: ProvisionerApi):
    async with terminal(api) as pilot:
        await sees(pilot, "edge-07")
        hidden = pilot.app.screen
        await pilot.press("2")
        await sees(pilot, "provision")
        before = asked(api, "/clusters")
        pilot.app._news(messages.News(frozenset(), frozenset({"c"}), everything=True))  # type: ignore[attr-defined]
        await until(pilot, lambda: asked(api, "/jobs") > 1, "jobs read again")

        assert pilot.app.screen is not hidden
        assert asked(api, "/clusters") == before > 0


def asked(api: ProvisionerApi, path: str) -> int:
    return sum(each.startswith(path) for _, each in api.requests)
