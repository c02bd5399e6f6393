"""The line that `/` opens: narrows what is on the screen while one types."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input


class FilterLine(Input):
    """Hidden until asked for. Enter keeps the filter, esc drops it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "drop", "Drop filter", id="filter.drop"),
        Binding("enter,down", "keep", "Keep filter", id="filter.keep", priority=True),
    ]

    @dataclass
    class Narrowed(Message):
        """The filter's text changed."""

        needle: str

    @dataclass
    class Closed(Message):
        """The operator is done typing."""

    def __init__(self) -> None:
        super().__init__(placeholder="filter; ! first turns it round", id="filter", compact=True)
        self.display = False

    def on_show(self) -> None:
        """Passing lines go above it."""
        self.screen.add_class("filtering")

    def on_hide(self) -> None:
        """Or where they were."""
        self.screen.remove_class("filtering")

    def open(self) -> None:
        """Shows the line and takes the keys."""
        self.display = True
        self.screen.set_focus(self)  # at once: what is typed right behind the key is the line's

    def action_keep(self) -> None:
        """Back to the list, narrowed."""
        self.display = bool(self.value)
        self.post_message(self.Closed())

    def action_drop(self) -> None:
        """Back to the whole list."""
        self.value = ""
        self.action_keep()

    @on(Input.Changed)
    def _narrow(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Narrowed(event.value))
