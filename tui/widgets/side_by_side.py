"""The logs of a few hosts beside each other, for terminals that are wide enough."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Static

from tui import text
from tui.log_lines import LogFilter
from tui.log_window import LogWindow
from tui.widgets.event_log import EventLog


class SideBySide(Horizontal):
    """One column per host; a log without a filter is one that is not shown."""

    def __init__(self, logs: Sequence[EventLog]) -> None:
        super().__init__(id="sides")
        self._logs = tuple(logs)

    def compose(self) -> ComposeResult:
        """The host's name above its log."""
        for log in self._logs:
            with Vertical(classes="side"):
                yield Static("", classes="side-title", markup=False)
                yield log

    def show(self, hosts: Sequence[str], known: LogWindow) -> list[EventLog]:
        """Shows these hosts, first what is known of them. Returns the logs that want the rest read.

        None changes its place because another one came first: the same hosts stay as they are.
        """
        if {log.filter.host for log in self._logs if log.filter} == set(hosts):
            return []
        for number, (log, column) in enumerate(zip(self._logs, self.query(".side"), strict=True)):
            column.display = number < len(hosts)
            log.filter = LogFilter(host=hosts[number]) if column.display else LogFilter()
            if column.display:
                column.query_one(Static).update(f" {text.one_line(hosts[number])}")
                log.window = known
                log.narrow(log.filter)
        return [log for log in self._logs if log.filter]
