"""The first line of every screen: which server, who, and whether what is shown is fresh."""

from __future__ import annotations

from urllib.parse import urlsplit

from rich.cells import cell_len, set_cell_size
from rich.text import Text
from textual.widgets import Static

from tui import text
from tui.client import Client
from tui.live_state import Connection

_LOOK_SECONDS = 1.0


class TitleBar(Static):
    """Profile and server on the left, user in the middle; the connection on the right is never cut."""

    def __init__(self, client: Client) -> None:
        super().__init__(id="title-bar", markup=False)
        self._client = client
        self._stale_since = ""
        self._loaded = False
        self._shown: tuple[object, ...] = ()

    def on_mount(self) -> None:
        """Seconds count while something is wrong."""
        self.set_interval(_LOOK_SECONDS, self.look)

    @property
    def connection(self) -> str:
        """The sign and the words on the right."""
        live = self._client.live
        if live.connection is Connection.LOST:
            return live.words()
        if self._stale_since:
            return f"▲ stale since {self._stale_since}"
        if live.is_live or not self._loaded:
            return live.words() or "◐ connecting"
        return "● connected"

    def render(self) -> Text:
        """One line; what does not fit is cut on the left of the connection."""
        right = f" {self.connection} "
        room = max(0, self.size.width - cell_len(right))
        kept, server, who = self._kept(), self._server(), self._who()
        gap = room - cell_len(kept) - cell_len(server) - cell_len(who)
        if gap < 2:  # the user is cut first, then the server: that is where a change would go
            server = _cut(server, max(0, room - cell_len(kept) - 2))
            who = self._who(max(0, room - cell_len(kept) - cell_len(server) - 2))
            gap = max(0, room - cell_len(kept) - cell_len(server) - cell_len(who))
        left = f"{kept}{server}"
        before = gap // 2
        return Text(f"{left}{' ' * before}{who}{' ' * (gap - before)}{right}", no_wrap=True, end="")

    def look(self) -> None:
        """Draws again if the words have changed."""
        words = (self.connection, self._kept(), self._who())
        if words != self._shown and self.is_on_screen:
            self._shown = words
            self.refresh()

    def fresh(self) -> None:
        """What is shown came from the server just now."""
        self._loaded = True
        self._stale_since = ""
        self.look()

    def stale(self) -> None:
        """What is shown is as old as the last answer; keeps the first time it went stale."""
        self._loaded = True
        self._stale_since = self._stale_since or text.clock(text.now())
        self.look()

    def _kept(self) -> str:
        """What is never cut: a mistake here is a change in the wrong place."""
        said = [self._client.profile] if self._client.profile else []
        said += ["▲ read-only"] if self._client.read_only else []
        return f" keelyard  {''.join(f'{each} · ' for each in said)}"

    def _server(self) -> str:
        """Not a second time, where an address that was given once is named after itself."""
        url = self._client.url
        return "" if self._client.profile == urlsplit(url).netloc else text.one_line(url)

    def _who(self, width: int | None = None) -> str:
        """In so many cells: the role stays as long as it can."""
        user = self._client.user
        if user is None:
            return "not signed in" if width is None else _cut("not signed in", width)
        email, role = text.one_line(user.email), f" · {user.role}"
        if width is None:
            return f"{email}{role}"
        room = width - cell_len(role)
        return f"{_cut(email, room)}{role}" if room > 1 else _cut(user.role, width)


def _cut(words: str, width: int) -> str:
    if cell_len(words) <= width:
        return words
    return f"{set_cell_size(words, width - 1)}…" if width > 1 else ""
