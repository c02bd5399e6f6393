"""The first line of every screen: which server, who, and whether what is shown is fresh."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text
from textual.reactive import reactive
from textual.widgets import Static

from tui import text
from tui.client import Client


class TitleBar(Static):
    """Server on the left, user in the middle, connection on the right."""

    connection: reactive[str] = reactive("◐ connecting")

    def __init__(self, client: Client) -> None:
        super().__init__(id="title-bar", markup=False)
        self._client = client

    def render(self) -> Table:
        """One line that folds its middle first."""
        user = self._client.user
        who = f"{user.email} · {user.role}" if user else "not signed in"
        line = Table.grid(expand=True, padding=(0, 1))
        for justify in ("left", "center", "right"):
            line.add_column(justify=justify, no_wrap=True, overflow="ellipsis")
        line.add_row(
            Text(f" keelyard  {self._client.url}"), text.plain(who), Text(f"{self.connection} ", no_wrap=True)
        )
        return line

    def fresh(self) -> None:
        """What is shown came from the server just now."""
        self.connection = "● connected"

    def stale(self) -> None:
        """What is shown is as old as the last answer; keeps the first time it went stale."""
        if not self.connection.startswith("▲"):
            self.connection = f"▲ stale since {text.clock(text.now())}"
