"""What the parts of the terminal tell each other. Workers post these; handlers change the screen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import override

from textual.message import Message


@dataclass
class Go(Message):
    """The operator wants the list of this noun, narrowed to a text if there is one."""

    noun: str
    needle: str = ""


@dataclass
class Open(Message):
    """The operator wants to see one thing of a noun."""

    noun: str
    key: str


@dataclass
class Climb(Message):
    """The operator wants back to the screen so far up the way here; the list is at 0."""

    depth: int


@dataclass
class Read(Message):
    """The operator wants a thing in full, in words or as YAML."""

    thing: object
    form: str = "words"  # or "yaml"


@dataclass
class SignInNeeded(Message):
    """The session ended; what is on the screen stays and a new sign-in goes on top."""

    reason: str


@dataclass
class SwitchProfile(Message):
    """The operator wants to work with another profile, or to sign in there."""

    name: str


@dataclass
class SignOut(Message):
    """The operator wants the sign-in of this profile revoked and forgotten."""


@dataclass
class News(Message):
    """The server told of changes: ids of jobs and clusters. Comes at most twice a second, already collected.

    `everything` says that the connection is back and anything may have changed meanwhile.
    """

    jobs: frozenset[str]
    clusters: frozenset[str]
    everything: bool = False


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
