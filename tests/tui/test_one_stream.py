"""The one stream of a terminal: it carries what is on the screen, and loses or doubles nothing."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import cast

import msgspec
import pytest
from textual.pilot import Pilot

from api import metrics
from engine.domain.events import EventKind
from engine.domain.statuses import JobStatus
from tests.contract import harness
from tests.standins.provisioner_api import ProvisionerApi
from tests.standins.provisioner_bodies import EVENT, JOB_ID
from tests.tui.conftest import open_job as open_stand_in_job
from tests.tui.conftest import screen_text, sees, terminal, until
from tests.tui.test_against_the_api import create, open_job, signed_in
from tui import wire
from tui.client import Client
from tui.following import FollowedJob, Following
from tui.live import Live
from tui.live_state import LiveState
from tui.screens.job import JobScreen
from tui.stream import StreamState
from tui.widgets.event_log import EventLog


def job_screen(pilot: Pilot[None]) -> JobScreen:
    found = pilot.app.screen
    assert isinstance(found, JobScreen)
    return found


def shown(pilot: Pilot[None]) -> list[int]:
    """The sequences of all lines of the log."""
    return [line.sequence for line in pilot.app.screen.query_one(EventLog).window.lines]


async def test_a_terminal_that_watches_a_running_job_has_one_stream(
    server: harness.Api, monkeypatch: pytest.MonkeyPatch
):
    open_now, most = 0, 0

    def counted(change: int) -> None:
        nonlocal open_now, most
        open_now += change
        most = max(most, open_now)

    monkeypatch.setattr(metrics.STREAMS, "inc", lambda: counted(1))
    monkeypatch.setattr(metrics.STREAMS, "dec", lambda: counted(-1))
    run = harness.Run(await create(server), server.cipher)
    await run.claim()
    async with signed_in(server) as pilot:
        await open_job(pilot)
        await sees(pilot, "· ● live")
        await run.tell_many(3)
        await until(pilot, lambda: shown(pilot) == [1, 2, 3], "what it tells")
        await until(pilot, lambda: open_now == 1, "one stream")
        assert list(job_screen(pilot).client.following.positions()) == [str(run.job_id)]

        await pilot.press("escape")  # hidden, it is not followed
        following = pilot.app.client.following  # type: ignore[attr-defined]
        await until(pilot, lambda: following.positions() == {}, "nothing followed")
        await run.tell_many(2)
        await pilot.press("enter")
        await sees(pilot, "‹ provision yard-1")
        await until(pilot, lambda: shown(pilot) == [1, 2, 3, 4, 5], "what came meanwhile")
        await run.finish(JobStatus.SUCCESS, [run.event(EventKind.JOB_FINISHED, data={"status": "success"})])
        await sees(pilot, "○ complete")
        await sees(pilot, "● live")  # the news go on
        await until(pilot, lambda: open_now == 1, "one stream")
    assert most <= 2  # the server may notice late that one is closed; there is never a second one for long


async def test_the_api_restarts_under_a_job_and_nothing_is_lost_or_told_twice(server: harness.Api):
    port = int(server.url.rpartition(":")[2])
    run = harness.Run(await create(server), server.cipher)
    await run.claim()
    async with signed_in(server) as pilot:
        await open_job(pilot)
        await run.tell_many(3)
        await until(pilot, lambda: shown(pilot) == [1, 2, 3], "what it tells")
        await server.stop()
        await sees(pilot, "▲ reconnecting")
        assert "Task 2" in screen_text(pilot)
        async with harness.serving(server.settings, port):
            await run.tell_many(4)
            await until(pilot, lambda: len(shown(pilot)) >= 7, "what came meanwhile")
            await sees(pilot, "· ● live")
            await run.tell_many(1)
            await until(pilot, lambda: len(shown(pilot)) >= 8, "what comes now")

            assert shown(pilot) == list(range(1, 9))


async def test_the_screen_does_not_flash_when_the_stream_changes_what_it_carries(api: ProvisionerApi):
    async with terminal(api) as pilot:
        await sees(pilot, "● live")
        seen = set[str]()
        live = pilot.app.client.live  # type: ignore[attr-defined]
        bar = pilot.app._live_changed  # type: ignore[attr-defined]
        pilot.app._live_changed = lambda: (seen.add(live.connection), bar())  # type: ignore[attr-defined]
        await open_stand_in_job(pilot)
        await sees(pilot, "· ● live")
        await pilot.press("escape")
        await until(pilot, lambda: len(api.resumed_after) == 1, "the job was followed")

        assert seen <= {"live"}


async def test_a_job_that_the_server_does_not_tell_of_leaves_the_news_alone(api: ProvisionerApi):
    async with terminal(api) as pilot:
        await sees(pilot, "● live")
        client = pilot.app.client  # type: ignore[attr-defined]
        refused = FollowedJob("gone")
        client.following.add(refused)
        await until(pilot, lambda: refused.state is StreamState.REFUSED, "refused")
        await until(pilot, lambda: api.count("GET", "/events") == 2, "the news alone again")
        await sees(pilot, "● live")


def event(sequence: int, job_id: str = JOB_ID) -> wire.JobEvent:
    return msgspec.convert(
        {**EVENT, "kind": "message", "sequence": sequence, "job_id": job_id}, wire.JobEvent
    )


def test_a_job_on_two_screens_is_asked_for_once_from_where_the_later_one_is():
    following = Following()
    one, two = FollowedJob("a", 5), FollowedJob("a", 9)
    for job in (one, two, FollowedJob("b")):
        following.add(job)

    assert following.changed.is_set()
    assert following.positions() == {"a": 5, "b": 0}
    assert not following.changed.is_set()
    for sequence in (6, 9, 10):
        following.take(event(sequence, "a"))
    assert [each.sequence for each in one.drain()] == [6, 9, 10]
    assert [each.sequence for each in two.drain()] == [10]


def test_a_job_that_has_ended_changes_nothing_by_being_left():
    told = list[StreamState]()
    following = Following()
    job = FollowedJob("a", 0, lambda state, _: told.append(state))
    following.add(job)
    following.connected(following.positions())
    following.add(job)
    following.ended("a")
    following.lost("away")
    following.drop(job)

    assert told == [StreamState.CONNECTING, StreamState.LIVE, StreamState.ENDED]
    assert not following.changed.is_set()
    assert following.positions() == {}


class _Watched(Following):
    """Tells each time that it is asked whether the screens are behind."""

    def __init__(self) -> None:
        super().__init__()
        self.looks = asyncio.Queue[bool]()

    @property
    def is_behind(self) -> bool:
        self.looks.put_nowait(super().is_behind)
        return super().is_behind

    async def next(self, number: int) -> list[bool]:
        async with asyncio.timeout(10):
            return [await self.looks.get() for _ in range(number)]


class _Chunks:
    """An open stream that says how much of it was read."""

    def __init__(self, chunks: int) -> None:
        self.read, self._chunks = 0, chunks

    async def aiter_text(self) -> AsyncIterator[str]:
        for number in range(1, self._chunks + 1):
            self.read = number
            yield f"data: {msgspec.json.encode(event(number)).decode()}\n\n"
        await asyncio.Event().wait()


async def test_what_screens_cannot_take_yet_waits_at_the_server(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("tui.following._MOST_PENDING", 3)
    monkeypatch.setattr("tui.live._CATCH_UP_STEPS", 1_000)
    stream, following, job = _Chunks(8), _Watched(), FollowedJob(JOB_ID)
    following.add(job)
    client = SimpleNamespace(
        live=LiveState(), following=following, everything=lambda _: contextlib.nullcontext(stream)
    )
    reading = asyncio.create_task(Live(cast("Client", client), lambda _: None, lambda: None).run())

    # One look after each event; then again and again, while nothing is read.
    assert await following.next(7) == [False, False, False, True, True, True, True]
    assert (job.pending, stream.read) == (4, 4)
    assert [each.sequence for each in job.drain(2)] == [1, 2]
    assert await following.next(5) == [False, False, True, True, True]
    assert (job.pending, stream.read) == (4, 6)
    assert [each.sequence for each in job.drain()] == [3, 4, 5, 6]
    assert await following.next(3) == [False, False, False]
    assert stream.read == 8
    reading.cancel()
