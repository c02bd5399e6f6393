"""How fresh is what the operator sees: the state of the live connection, in words."""

from __future__ import annotations

import enum
import time
from dataclasses import dataclass, field
from datetime import datetime

from tui import text, wire


class Connection(enum.StrEnum):
    """Of the stream of news."""

    NONE = "none"  # not signed in, or a server that has no such stream: screens ask by themselves
    CONNECTING = "connecting"
    LIVE = "live"
    LOST = "lost"


@dataclass
class LiveState:
    """What the title bar says, and how jobs and clusters stand by the server's last word."""

    connection: Connection = Connection.NONE
    stale_since: datetime | None = None
    again_at: float = 0.0  # monotonic; 0 while it is being tried
    latency: float | None = None  # seconds that the last request took
    answered_at: float = 0.0  # monotonic
    jobs: dict[str, wire.JobNews] = field(default_factory=dict[str, wire.JobNews])
    clusters: dict[str, wire.ClusterNews] = field(default_factory=dict[str, wire.ClusterNews])

    @property
    def is_live(self) -> bool:
        """Whether changes come by themselves."""
        return self.connection is Connection.LIVE

    def answered(self, seconds: float) -> None:
        """A request took so long."""
        self.latency = seconds
        self.answered_at = time.monotonic()

    def lost(self, again_in: float) -> None:
        """There is no connection; `again_in` seconds from now it is tried again. Keeps when that began."""
        if self.connection is not Connection.LOST:
            self.stale_since = text.now()
        self.connection = Connection.LOST
        self.again_at = time.monotonic() + again_in if again_in else 0.0

    def reached(self) -> None:
        """The connection is there."""
        self.connection = Connection.LIVE
        self.stale_since = None

    def words(self) -> str:
        """The sign and the words; empty where there is no stream to speak of."""
        match self.connection:
            case Connection.LIVE:
                took = "" if self.latency is None else f" {max(1, round(self.latency * 1000))} ms"
                return f"● live{took}"
            case Connection.CONNECTING:
                return "◐ connecting"
            case Connection.LOST:
                left = self.again_at - time.monotonic()
                when = f" in {text.duration(left + 0.999)}" if left > 0 else ""
                since = f" · stale since {text.clock(self.stale_since)}" if self.stale_since else ""
                return f"▲ reconnecting{when}{since}"
        return ""
