"""What the parts of the terminal tell each other. Workers post these; handlers change the screen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import override

from textual.message import Message


@dataclass
class Go(Message):
    """The operator wants the list of this noun."""

    noun: str


@dataclass
class Open(Message):
    """The operator wants to see one thing of a noun."""

    noun: str
    key: str


@dataclass
class SignInNeeded(Message):
    """The session ended; what is on the screen stays and a new sign-in goes on top."""

    reason: str


@dataclass
class Loaded(Message):
    """A screen's data came from the server; the screen itself keeps it."""


@dataclass
class LoadFailed(Message):
    """A screen's data could not be fetched; what is shown is stale."""

    reason: str


@dataclass
class StreamChanged(Message):
    """The live stream of a job connected, lost its connection, or ended."""

    state: str  # a tui.stream.StreamState
    detail: str = ""

    @override
    def can_replace(self, message: Message) -> bool:
        """Only the latest state of a stream matters."""
        return isinstance(message, StreamChanged)
