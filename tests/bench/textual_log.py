"""The same flood in Textual's own log widget, in an application of the same shape: the baseline."""

from __future__ import annotations

import asyncio
from typing import ClassVar, override

from rich.text import Text
from textual.app import App, ComposeResult
from textual.widgets import Footer, Log, Static

from tui.client import Client
from tui.job_events import EventStream
from tui.log_lines import log_line
from tui.log_window import MOST_LINES
from tui.widgets.host_grid import HostGrid
from tui.widgets.row_table import Column

_DRAIN_SECONDS = 0.1


class PlainLog(App[None]):
    """Hosts above, `Log` below, one `write_line` for each event; it keeps as many lines as ours."""

    CSS: ClassVar[str] = "HostGrid { height: 14; } Log { height: 1fr; }"

    def __init__(self, client: Client, job_id: str, hosts: int) -> None:
        super().__init__()
        self.client = client
        self._hosts = [f"node-{number:03}" for number in range(hosts)]
        self._stream = EventStream(client, job_id)
        self._plain = Log(max_lines=MOST_LINES)
        self.lines = 0

    @override
    def compose(self) -> ComposeResult:
        """The shape of the job's screen."""
        yield Static("a job")
        yield HostGrid((Column("host", "HOST", 12),), lambda host: (Text(host),), id="hosts")
        yield self._plain
        yield Footer()

    async def on_mount(self) -> None:
        """Follows the job as the terminal does."""
        self.query_one(HostGrid).show(self._hosts)
        self.set_interval(_DRAIN_SECONDS, self._drain)
        self.run_worker(self._stream.run(lambda state, detail: None))

    def _drain(self) -> None:
        if self._plain.is_attached:
            for line in filter(None, map(log_line, self._stream.drain())):
                self._plain.write_line(line.text)
                self.lines += 1

    async def on_unmount(self) -> None:
        """Gives the connection back."""
        async with asyncio.timeout(5):
            await self.client.close()
