"""What took longest in a job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from tui import text, wire
from tui.screens.dialogs import Dialog

_EACH = 3  # tasks shown of a phase


class SlowestTasks(Dialog[None]):
    """The slowest tasks of a job, then of each phase."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("q,t", "leave", "Leave", show=False)]

    def __init__(self, found: wire.SlowestTasks, names: Mapping[str, str]) -> None:
        super().__init__()
        lines = ["Slowest tasks  (esc leaves)", ""]
        lines += _table(found.data) or ["No task has ended yet."]
        for phase in found.phases:
            lines += ["", text.one_line(names.get(phase.phase, phase.phase)), *_table(phase.data[:_EACH])]
        self._lines = "\n".join(lines)

    def compose(self) -> ComposeResult:
        """One line per task."""
        with VerticalScroll(classes="dialog tall"):
            yield Static(self._lines, markup=False)


def _table(tasks: Sequence[wire.TimedTask]) -> list[str]:
    return [
        f" {task.seconds:>8.1f} s  {text.one_line(task.host):<14.14}  {text.one_line(task.task)}"
        for task in tasks
    ]
