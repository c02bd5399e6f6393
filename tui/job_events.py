"""The events of one job: read backwards from their end, or followed over a connection of their own."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

from tui import errors, text, wire
from tui.client import Client
from tui.stream import Parser, StreamState, Told, read_event

_FIRST_WAIT_SECONDS = 0.5
_LONGEST_WAIT_SECONDS = 15.0


class History:
    """A job's events read from their end upwards: `open` once, then `earlier` as long as `at_start` is false.

    With `before`, a sequence, it begins there with `earlier`. Filters are those of the API: phase, host,
    kind, status, search.
    """

    PAGE = 500

    def __init__(
        self, client: Client, job_id: str, *, before: int | None = None, **filters: str | None
    ) -> None:
        self.at_start = before is None
        self.expired = False  # the server does not keep the job's first events any more
        self.last_sequence = 0  # where an EventStream goes on without a gap
        self._client = client
        self._job_id = job_id
        self._filters = filters
        self._before = before

    async def open(self) -> list[wire.Event]:
        """The last events, in order. Raises ApiError."""
        page = await self._page(tail=True)
        self.last_sequence = page.last_sequence
        self.expired = page.events_expired
        return page.data

    async def earlier(self) -> list[wire.Event]:
        """The events just before all those given so far, in order; none at the start. Raises ApiError.

        A search may find nothing in one page although there is more: ask again until `at_start`.
        """
        if self._before is None:
            return []
        return (await self._page(before=self._before)).data

    async def _page(self, **where: Any) -> wire.EventPage:
        page = await self._client.event_page(self._job_id, limit=self.PAGE, **where, **self._filters)
        self._before = page.previous
        self.at_start = page.previous is None
        return page


class EventStream(Told):
    """Follows one job until it ends, over a connection of its own. `run` fills it, `drain` empties it."""

    def __init__(self, client: Client, job_id: str, after: int = 0) -> None:
        super().__init__(job_id, after)
        self._client = client

    async def run(self, changed: Callable[[StreamState, str], object]) -> None:
        """Reads until the job ends. Raises SessionEnded, NotThere or Refused; other errors are waited out."""
        wait = _FIRST_WAIT_SECONDS

        def tell(state: StreamState, detail: str = "") -> None:
            self.state = state
            changed(state, detail)

        tell(StreamState.CONNECTING)
        while True:
            before = self.last_sequence
            try:
                if await self._read(lambda: tell(StreamState.LIVE)):
                    tell(StreamState.ENDED)
                    return
                reason = "the server closed the stream"
            except errors.TooManyRequests as busy:
                wait, reason = max(wait, busy.retry_after_seconds), str(busy)
            except (errors.Unreachable, errors.ServerFailed) as cut:
                reason = str(cut)
            except errors.ApiError as refused:
                tell(StreamState.REFUSED, str(refused))
                raise
            if self.last_sequence > before:
                wait = _FIRST_WAIT_SECONDS
            tell(StreamState.RECONNECTING, f"trying again in {text.duration(max(1, wait))}: {reason}")
            await asyncio.sleep(wait * random.uniform(0.8, 1.2))  # noqa: S311  spreads clients, guards nothing
            wait = min(wait * 2, _LONGEST_WAIT_SECONDS)

    async def _read(self, connected: Callable[[], None]) -> bool:
        """Reads one connection to its end; True when the server said that was all."""
        parser = Parser()
        async with self._client.events(self.job_id, self.last_sequence) as response:
            connected()
            async for chunk in response.aiter_text():
                for message in parser.feed(chunk):
                    if message.event == "end":
                        return True
                    if (event := read_event(message)) is not None:
                        self.add(event)
        return False
