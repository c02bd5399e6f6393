"""Streams of events: bytes into messages, messages into events, and each event told once."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator

import msgspec

from tui import text, wire

_LINE_END = re.compile(r"\r\n|\n|\r")


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


class Told:
    """The events of one job that have come and that nobody has taken yet; each only once.

    `after` is where it begins: 0 for the whole job, or the `last_sequence` of its History.
    """

    def __init__(self, job_id: str, after: int = 0) -> None:
        self.job_id = job_id
        self.last_sequence = after
        self.state = StreamState.CONNECTING
        self._pending: list[wire.Event] = []

    def drain(self, most: int = 20_000) -> list[wire.Event]:
        """The events that came since the last call, in order; at most so many, so that keys stay answered."""
        taken, self._pending = self._pending[:most], self._pending[most:]
        return taken

    @property
    def pending(self) -> int:
        """How many have come and were not taken."""
        return len(self._pending)

    def add(self, event: wire.Event) -> None:
        """One more, unless it has been told."""
        if event.sequence > self.last_sequence:
            self.last_sequence = event.sequence
            self._pending.append(event)


class _Place(msgspec.Struct):
    sequence: int
    job_id: str = ""


def read_event(message: ServerSentEvent) -> wire.JobEvent | None:
    """The event that a message tells; None when it tells none. Its job is empty on a stream of one job."""
    try:
        return msgspec.json.decode(message.data, type=wire.JobEvent)
    except msgspec.DecodeError:
        pass
    try:
        place = msgspec.json.decode(message.data, type=_Place)
    except msgspec.DecodeError:
        return None
    return _unreadable(place)


def _unreadable(place: _Place) -> wire.JobEvent:
    """What stands in the log for an event that a newer server tells in another shape."""
    return wire.JobEvent(
        sequence=place.sequence,
        job_id=place.job_id,
        attempt=0,
        kind="message",
        created_at=text.now(),
        phase=None,
        host=None,
        task=None,
        role=None,
        message=f"event {place.sequence} cannot be read by this version of the terminal",
        duration_seconds=None,
        data={},
    )
