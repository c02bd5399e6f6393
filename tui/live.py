"""One stream of everything that changes, kept open as long as somebody is signed in.

It reconnects by itself and says so, keeps how jobs and clusters stand in the session's `live`, and tells
what changed, collected, to whoever shows it.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable

import msgspec

from tui import errors, messages, wire
from tui.client import Client
from tui.live_state import Connection
from tui.stream import Parser, ServerSentEvent

_TELLING_SECONDS = 0.5
_FIRST_WAIT_SECONDS = 0.5
_LONGEST_WAIT_SECONDS = 15.0
_STEADY_SECONDS = 5.0  # a connection that held so long may be taken up again at once
_MEASURE_SECONDS = 10.0


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
        self._changed = changed
        self._collector = Collector(tell)
        self._began = 0.0

    async def run(self) -> None:
        """Reads for ever; failures are waited out.

        Raises:
            SessionEnded: only a new sign-in helps.
            Refused, NotThere: this server tells no news, at least not to this user.
        """
        self.state.connection = Connection.CONNECTING
        self._changed()
        measuring = asyncio.create_task(self._measure())
        try:
            await self._follow()
        finally:
            measuring.cancel()
            self._collector.close()
            self.state.connection = Connection.NONE
            self._changed()

    async def _follow(self) -> None:
        wait = _FIRST_WAIT_SECONDS
        while True:
            asked = 0.0
            self._began = 0.0
            try:
                expired, asked = await self._read()
                if expired and self._held():
                    continue  # only the token was old; the next request renews it
            except (errors.Unreachable, errors.ServerFailed, errors.TooManyRequests) as cut:
                asked = cut.retry_after_seconds
            if self._held():
                wait = _FIRST_WAIT_SECONDS
            again = max(wait, asked) * random.uniform(0.8, 1.2)  # noqa: S311  spreads clients, guards nothing
            self.state.lost(again)
            self._changed()
            await asyncio.sleep(again)
            self.state.lost(0)
            self._changed()
            wait = min(wait * 2, _LONGEST_WAIT_SECONDS)

    def _held(self) -> bool:
        return self._began > 0 and time.monotonic() - self._began > _STEADY_SECONDS

    async def _read(self) -> tuple[bool, float]:
        """One connection to its end: whether for an old token, and when the server wants its reader back."""
        parser = Parser()
        async with self._client.everything() as response:
            async for chunk in response.aiter_text():
                for message in parser.feed(chunk):
                    if message.event == "expired":
                        return True, 0.0
                    self._take(message)
        return False, parser.retry_seconds

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
        except msgspec.DecodeError:
            self._collector.add(everything=True)  # a newer server's words: the screen asks for what it knows

    def _take_snapshot(self, now: wire.Snapshot) -> None:
        self._began = time.monotonic()
        self.state.jobs = {job.id: job for job in now.jobs}
        self.state.clusters = {cluster.id: cluster for cluster in now.clusters}
        self.state.reached()
        self._changed()
        self._collector.add(everything=True)  # whatever a screen has read may be older

    async def _measure(self) -> None:
        """Keeps the measured latency young while no screen asks for anything."""
        while True:
            await asyncio.sleep(_MEASURE_SECONDS)
            if self.state.is_live and time.monotonic() - self.state.answered_at >= _MEASURE_SECONDS:
                await self._client.ping()
            self._changed()
