"""The review: all of it on one page, as YAML or as the commands that do the same."""

from __future__ import annotations

from typing import ClassVar, override

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import ScrollableContainer, Vertical
from textual.widgets import Static

from tui import text
from tui.screens.dialogs import Dialog
from tui.screens.new_cluster_fields import Pane, TickRow
from tui.wizard.choices import Value
from tui.wizard.making import Making
from tui.wizard.steps import Step


class RequestText(ScrollableContainer, can_focus=True):
    """The request, as YAML or as commands."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "turn", "YAML / curl", id="wizard.turn", show=False, tooltip="YAML, or curl"),
        Binding("enter", "screen.create", "Create", id="wizard.enter", show=False),
    ]
    DEFAULT_CSS = """
    RequestText { height: 1fr; min-height: 3; border: round $panel; scrollbar-size: 1 1; }
    RequestText:focus { border: round $primary; }
    RequestText > Static { height: auto; width: auto; }
    """

    def __init__(self, making: Making, url: str) -> None:
        super().__init__()
        self._making = making
        self._url = url
        self.as_curl = False

    def compose(self) -> ComposeResult:
        """One text."""
        yield Static("", markup=False)

    def show(self) -> None:
        """The request as it is now."""
        shown = self._making.as_curl(self._url) if self.as_curl else self._making.as_yaml()
        self.border_title = "as curl (tab: as YAML)" if self.as_curl else "as YAML (tab: as curl)"
        self.query_one(Static).update(text.clean(shown))

    def action_turn(self) -> None:
        """The other form."""
        self.as_curl = not self.as_curl
        self.show()
        self.scroll_home(animate=False)


class RequestBeside(RequestText, can_focus=False):
    """The same beside the steps, where a terminal is wide enough."""

    DEFAULT_CSS = "RequestBeside { width: 1fr; display: none; }"

    @override
    def show(self) -> None:
        """As it is now; other keys turn it."""
        super().show()
        self.border_title = "as curl" if self.as_curl else "as YAML, so far"


class Reading(Dialog[None]):
    """The request as it is so far, on top of a step."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+y", "turn", "YAML / curl", priority=True),
        Binding("ctrl+n,ctrl+p,ctrl+s", "leave", "Leave", show=False),
    ]
    DEFAULT_CSS = "Reading .dialog { width: 96%; height: 90%; }"

    def __init__(self, making: Making, url: str) -> None:
        super().__init__()
        self._text = RequestText(making, url)

    def compose(self) -> ComposeResult:
        """The text and its keys."""
        with Vertical(classes="dialog"):
            yield self._text
            yield Static("ctrl+y YAML / curl, esc leaves", markup=False)

    def on_mount(self) -> None:
        """As YAML first."""
        self._text.show()
        self._text.focus()

    def action_turn(self) -> None:
        """The other form."""
        self._text.action_turn()

    def action_create(self) -> None:
        """Nothing is created from here."""
        self.action_leave()


class ReviewPane(Pane):
    """What stands against it, what ought to be known, and the request."""

    STEP = Step.REVIEW
    FIRST = "RequestText"
    DEFAULT_CSS = """
    ReviewPane #against { height: auto; max-height: 7; color: $text-warning; }
    ReviewPane #against.-wrong { color: $text-error; }
    """

    def __init__(self, making: Making, url: str) -> None:
        super().__init__(making)
        self._url = url

    def compose(self) -> ComposeResult:
        """Warnings, one switch, the request."""
        yield Static("", id="against", markup=False)
        yield TickRow("provision_immediately", "Start", "provision at once")
        yield RequestText(self.making, self._url)

    def fill(self) -> None:
        """The switch."""
        self.query_one(TickRow).put(self.making.draft.provision_immediately)

    def take(self, field: str, value: Value) -> None:
        """The switch."""
        self.making.draft.provision_immediately = bool(value)

    def origin(self, field: str) -> str:
        """What creating does."""
        number = len(self.making.draft.nodes)
        if self.making.draft.provision_immediately:
            return f"ctrl+s creates it and sets up {number} node{'' if number == 1 else 's'}"
        return "ctrl+s creates the record alone"

    def notes(self) -> None:
        """Problems before warnings."""
        super().notes()
        problems = [f"✗ {one.field}: {one.message}" for one in self.making.problems()]
        lines = [*problems, *(f"▲ {line}" for line in self.making.warnings())]
        if len(lines) > 6:
            lines = [*lines[:5], f"  and {len(lines) - 5} more"]
        against = self.query_one("#against", Static)
        against.set_class(bool(problems), "-wrong")
        against.update("\n".join(text.one_line(line) for line in lines))
        self.query_one(RequestText).show()
