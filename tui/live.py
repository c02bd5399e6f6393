"""The one stream of a session, kept open as long as somebody is signed in.

It carries everything that changes, and the events of the jobs on the screen. It reconnects by itself and says
so, keeps how jobs and clusters stand in the session's `live`, tells what changed, collected, to whoever shows
it, and hands events to the session's `following`. When that wants other jobs it connects anew.
"""

from __future__ import annotations

import asyncio
import enum
import logging
import random
import time
from collections.abc import Callable, Mapping

import msgspec

from tui import errors, messages, text, wire
from tui.client import Client
from tui.live_state import Connection
from tui.stream import Parser, ServerSentEvent, read_event

log = logging.getLogger("keelyard.tui")

_TELLING_SECONDS = 0.5
_FIRST_WAIT_SECONDS = 0.5
_LONGEST_WAIT_SECONDS = 15.0
_STEADY_SECONDS = 5.0  # a connection that held so long may be taken up again at once
_MEASURE_SECONDS = 10.0
_CATCH_UP_STEP_SECONDS = 0.05
_CATCH_UP_STEPS = 20


class _End(enum.Enum):
    """Why a connection is over."""

    CLOSED = "closed"
    EXPIRED = "expired"  # only the token was old; the next request renews it
    OTHER_JOBS = "other jobs"  # ours: it does not carry what is wanted now


class Collector:
    """Puts changes together so that they are told at most twice a second."""

    def __init__(self, tell: Callable[[messages.News], object]) -> None:
        self._tell = tell
        self._jobs: set[str] = set()
        self._clusters: set[str] = set()
        self._everything = False
        self._told_at = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def add(self, *, job: str = "", cluster: str = "", everything: bool = False) -> None:
        """One more change, told now or in a moment."""
        self._jobs |= {job} - {""}
        self._clusters |= {cluster} - {""}
        self._everything |= everything
        if self._timer is None:
            wait = max(0.0, self._told_at + _TELLING_SECONDS - time.monotonic())
            self._timer = asyncio.get_running_loop().call_later(wait, self._now)

    def _now(self) -> None:
        self._timer = None
        self._told_at = time.monotonic()
        news = messages.News(frozenset(self._jobs), frozenset(self._clusters), self._everything)
        self._jobs, self._clusters, self._everything = set(), set(), False
        self._tell(news)

    def close(self) -> None:
        """Tells nothing any more."""
        if self._timer is not None:
            self._timer.cancel()


class Live:
    """Follows one session. `run` in a worker; `changed` is called when the title bar should look."""

    def __init__(
        self, client: Client, tell: Callable[[messages.News], object], changed: Callable[[], object]
    ) -> None:
        self.state = client.live
        self._client = client
        self._following = client.following
        self._changed = changed
        self._collector = Collector(tell)
        self._began = 0.0

    async def run(self) -> None:
        """Reads for ever; failures are waited out.

        Raises:
            SessionEnded: only a new sign-in helps.
        """
        self.state.connection = Connection.CONNECTING
        self._changed()
        measuring = asyncio.create_task(self._measure())
        try:
            await self._follow()
        except errors.SessionEnded:
            self._following.lost("sign in again")
            raise
        finally:
            measuring.cancel()
            self._collector.close()
            self.state.connection = Connection.NONE
            self._changed()

    async def _follow(self) -> None:
        wait = _FIRST_WAIT_SECONDS
        while True:
            asked, why = 0.0, "the server closed the stream"
            self._began = 0.0
            jobs = self._following.positions()
            try:
                end, asked = await self._read(jobs)
                if end is _End.OTHER_JOBS or (end is _End.EXPIRED and self._held()):
                    continue
            except (errors.Unreachable, errors.ServerFailed, errors.TooManyRequests) as cut:
                asked, why = cut.retry_after_seconds, str(cut)
            except (errors.NotThere, errors.Refused) as refused:
                if jobs:
                    self._following.refuse(jobs, str(refused))  # the news may still be told
                else:
                    await self._without_news(str(refused))
                continue
            if self._held():
                wait = _FIRST_WAIT_SECONDS
            again = max(wait, asked) * random.uniform(0.8, 1.2)  # noqa: S311  spreads clients, guards nothing
            self.state.lost(again)
            self._following.lost(f"trying again in {text.duration(max(1, again))}: {why}")
            self._changed()
            await asyncio.sleep(again)
            self.state.lost(0)
            self._changed()
            wait = min(wait * 2, _LONGEST_WAIT_SECONDS)

    async def _without_news(self, why: str) -> None:
        """This server tells none, at least not to this user: screens ask by themselves."""
        log.info("No news from this server: %s", why)
        self.state.connection = Connection.NONE
        self._changed()
        await self._following.changed.wait()

    def _held(self) -> bool:
        return self._began > 0 and time.monotonic() - self._began > _STEADY_SECONDS

    async def _read(self, jobs: Mapping[str, int]) -> tuple[_End, float]:
        """One connection until it ends or other jobs are wanted; and how long its server wants to rest."""
        scope = asyncio.timeout(None)

        def leave() -> None:
            if not scope.expired():
                scope.reschedule(asyncio.get_running_loop().time())

        try:
            async with scope:
                self._following.listener = leave
                return await self._receive(jobs)
        except TimeoutError:
            return _End.OTHER_JOBS, 0.0
        finally:
            self._following.listener = None

    async def _receive(self, jobs: Mapping[str, int]) -> tuple[_End, float]:
        parser = Parser()
        async with self._client.everything(jobs) as response:
            self._following.connected(jobs)
            async for chunk in response.aiter_text():
                for message in parser.feed(chunk):
                    if message.event == "expired":
                        return _End.EXPIRED, 0.0
                    self._take(message)
                await self._catch_up()
        return _End.CLOSED, parser.retry_seconds

    async def _catch_up(self) -> None:
        """Lets the screens take what has come before more is read; not for ever: news come the same way."""
        for _ in range(_CATCH_UP_STEPS):
            if not self._following.is_behind:
                return
            await asyncio.sleep(_CATCH_UP_STEP_SECONDS)

    def _take(self, message: ServerSentEvent) -> None:
        try:
            match message.event:
                case "snapshot":
                    self._take_snapshot(msgspec.json.decode(message.data, type=wire.Snapshot))
                case "job":
                    job = msgspec.json.decode(message.data, type=wire.JobNews)
                    self.state.jobs[job.id] = job
                    self._collector.add(job=job.id)
                case "cluster":
                    cluster = msgspec.json.decode(message.data, type=wire.ClusterNews)
                    self.state.clusters[cluster.id] = cluster
                    self._collector.add(cluster=cluster.id)
                case "end":
                    self._following.ended(msgspec.json.decode(message.data, type=_OfJob).job_id)
                case _ if (event := read_event(message)) is not None:
                    self._following.take(event)
        except msgspec.DecodeError:
            self._collector.add(everything=True)  # a newer server's words: the screen asks for what it knows

    def _take_snapshot(self, now: wire.Snapshot) -> None:
        jobs = {job.id: job for job in now.jobs}
        clusters = {cluster.id: cluster for cluster in now.clusters}
        if self.state.is_live and not self._began:  # it was away by our own wish, and for a moment
            for job_id in _differing(self.state.jobs, jobs):
                self._collector.add(job=job_id)
            for cluster_id in _differing(self.state.clusters, clusters):
                self._collector.add(cluster=cluster_id)
        else:
            self._collector.add(everything=True)  # whatever a screen has read may be older
        self._began = time.monotonic()
        self.state.jobs, self.state.clusters = jobs, clusters
        self.state.reached()
        self._changed()

    async def _measure(self) -> None:
        """Keeps the measured latency young while no screen asks for anything."""
        while True:
            await asyncio.sleep(_MEASURE_SECONDS)
            if self.state.is_live and time.monotonic() - self.state.answered_at >= _MEASURE_SECONDS:
                await self._client.ping()
            self._changed()


class _OfJob(msgspec.Struct):
    job_id: str


def _differing(before: Mapping[str, object], now: Mapping[str, object]) -> list[str]:
    return [key for key in before.keys() | now.keys() if before.get(key) != now.get(key)]
