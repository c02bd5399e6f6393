"""A job's events as they happen: reads the stream, reconnects by itself, never tells an event twice."""

from __future__ import annotations

import asyncio
import enum
import random
import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from tui import errors, text, wire
from tui.client import Client

_LINE_END = re.compile(r"\r\n|\n|\r")
_FIRST_WAIT_SECONDS = 0.5
_LONGEST_WAIT_SECONDS = 15.0


class StreamState(enum.StrEnum):
    """What the operator is told about the stream."""

    CONNECTING = "connecting"
    LIVE = "live"
    RECONNECTING = "reconnecting"
    ENDED = "ended"  # the job is over and everything has been told
    REFUSED = "refused"  # trying again would not help


class ServerSentEvent(msgspec.Struct, frozen=True):
    """One dispatched message of a text/event-stream."""

    event: str
    data: str
    id: str


class Parser:
    """Text in, messages out, wherever the chunks were cut."""

    def __init__(self) -> None:
        self._rest = ""
        self._event = ""
        self._id = ""
        self._data: list[str] = []
        self.retry_seconds = 0.0  # when the server wants its reader back

    def feed(self, chunk: str) -> Iterator[ServerSentEvent]:
        """The messages that this chunk completes."""
        buffer = self._rest + chunk
        held = "\r" if buffer.endswith("\r") else ""  # may be half of a \r\n
        lines = _LINE_END.split(buffer.removesuffix("\r"))
        self._rest = lines.pop() + held
        for line in lines:
            if line:
                self._field(line)
            elif self._data or self._event:
                yield ServerSentEvent(self._event or "message", "\n".join(self._data), self._id)
                self._event, self._data = "", []

    def _field(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "data":
                self._data.append(value)
            case "event":
                self._event = value
            case "id" if "\0" not in value:
                self._id = value
            case "retry" if value.isascii() and value.isdigit():
                self.retry_seconds = int(value) / 1000
            case _:
                pass  # comments keep the line open; other fields are not for us


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


class EventStream:
    """Follows one job until it ends. `run` in a worker fills it, `drain` empties it.

    `after` is where it begins: 0 for the whole job, or the `last_sequence` of its History.
    """

    def __init__(self, client: Client, job_id: str, after: int = 0) -> None:
        self.last_sequence = after
        self.state = StreamState.CONNECTING
        self._client = client
        self._job_id = job_id
        self._pending: list[wire.Event] = []

    def drain(self, most: int = 20_000) -> list[wire.Event]:
        """The events that came since the last call, in order; at most so many, so that keys stay answered."""
        taken, self._pending = self._pending[:most], self._pending[most:]
        return taken

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
        async with self._client.events(self._job_id, self.last_sequence) as response:
            connected()
            async for chunk in response.aiter_text():
                for message in parser.feed(chunk):
                    if message.event == "end":
                        return True
                    self._take(message)
        return False

    def _take(self, message: ServerSentEvent) -> None:
        try:
            event = msgspec.json.decode(message.data, type=wire.Event)
        except msgspec.DecodeError:
            if not message.id.isdigit():
                return
            event = _unreadable(int(message.id))
        if event.sequence > self.last_sequence:
            self.last_sequence = event.sequence
            self._pending.append(event)


def _unreadable(sequence: int) -> wire.Event:
    """What stands in the log for an event that a newer server tells in another shape."""
    return wire.Event(
        sequence=sequence,
        attempt=0,
        kind="message",
        created_at=text.now(),
        phase=None,
        host=None,
        task=None,
        role=None,
        message=f"event {sequence} cannot be read by this version of the terminal",
        duration_seconds=None,
        data={},
    )
