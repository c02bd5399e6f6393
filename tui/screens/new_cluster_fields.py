"""The rows of the wizard's steps: a label, what is said, and beside it who says so or what is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Checkbox, Input, Select, Static

from api.schemas.catalogue import Choice
from tui import text
from tui.wizard.choices import Value
from tui.wizard.making import Making
from tui.wizard.steps import Step


@dataclass
class Edited(Message):
    """Something of the draft changed."""


@dataclass
class Left(Message):
    """The cursor has gone on from a field."""


def control_id(field: str) -> str:
    """The id of a field's control."""
    return "at-" + field.replace(".", "-")


class Tick(Checkbox):
    """A check box whose mark is there or not, rather than in another colour."""

    def __init__(self, label: str, *, id: str) -> None:  # noqa: A002  Textual's own name
        super().__init__(label, id=id, compact=True)

    def on_mount(self) -> None:
        """The first mark; the watcher sees changes only."""
        self._mark(self.value)

    def watch_value(self) -> None:
        """Draws the mark."""
        self._mark(self.value)
        super().watch_value()

    def _mark(self, chosen: bool) -> None:
        self.BUTTON_INNER = "x" if chosen else " "
        self.refresh()


class KeyInput(Input):
    """Takes the path of a private key's file, or the key itself when it is pasted, which is never shown."""

    @dataclass
    class Pasted(Message):
        """A key was pasted."""

        key: str

    def _on_paste(self, event: events.Paste) -> None:
        if "PRIVATE KEY" not in event.text and len(event.text.splitlines()) < 2:
            return
        event.prevent_default()
        event.stop()
        self.value = ""
        # Terminals paste line ends as \r; a key wants \n, and one at its end.
        key = event.text.replace("\r\n", "\n").replace("\r", "\n").strip() + "\n"
        self.post_message(self.Pasted(key))


class FieldRow(Horizontal):
    """One field of the request."""

    DEFAULT_CSS = """
    FieldRow { height: auto; min-height: 1; }
    FieldRow > .label { width: 18; }
    FieldRow > .control { width: 26; }
    FieldRow > .note { width: 1fr; height: auto; padding-left: 1; color: $text-muted; }
    FieldRow > .note.-wrong { color: $text-error; }
    """

    def __init__(self, field: str, label: str, control: Widget) -> None:
        super().__init__()
        self.field = field
        self._label = label
        self.control = control
        control.add_class("control")

    def compose(self) -> ComposeResult:
        """Label, control, note."""
        yield Static(f" {self._label}", classes="label", markup=False)
        yield self.control
        yield Static("", classes="note", markup=False)

    def named(self, label: str) -> None:
        """Another label."""
        self._label = label
        self._mark(self.has_focus_within)

    def on_descendant_focus(self) -> None:
        """Where one is, is a sign and not only a colour."""
        self._mark(True)

    def on_descendant_blur(self) -> None:
        """One has gone on."""
        self._mark(False)

    def _mark(self, here: bool) -> None:
        self.query_one(".label", Static).update(f"{'▸' if here else ' '}{self._label}")

    def note(self, line: str, *, wrong: bool = False) -> None:
        """What stands beside the control."""
        note = self.query_one(".note", Static)
        note.set_class(wrong, "-wrong")
        note.update(f"✗ {text.one_line(line)}" if wrong else text.one_line(line))


class TextRow(FieldRow):
    """A field to type into."""

    def __init__(self, field: str, label: str, *, hint: str = "", masked: bool = False) -> None:
        entry = Input(id=control_id(field), placeholder=hint, password=masked, compact=True)
        super().__init__(field, label, entry)

    def put(self, value: Value) -> None:
        """Shows a value that was not typed here."""
        entry = self.query_one(Input)
        if entry.value != str(value):
            with self.prevent(Input.Changed):
                entry.value = str(value)


class ChoiceRow(FieldRow):
    """A field that takes one of a few values."""

    def __init__(self, field: str, label: str, options: Sequence[tuple[str, str]] = ()) -> None:
        choice: Select[str] = Select(
            options or [("…", "")], id=control_id(field), allow_blank=False, compact=True
        )
        super().__init__(field, label, choice)
        self._offered = list(options) or [("…", "")]

    def put(self, value: Value, choices: Sequence[Choice] = ()) -> None:
        """Shows a value; one that is not offered is shown as well, so that it can be seen to be wrong."""
        select = self.query_one(Select)
        offered = [
            (f"{choice.value}{' (not available)' if choice.refusal else ''}", str(choice.value))
            for choice in choices
        ] or list(self._offered)
        if str(value) not in {option for _, option in offered}:
            offered.append((f"{text.one_line(str(value))} (not offered)", str(value)))
        with self.prevent(Select.Changed):
            if offered != self._offered:
                self._offered = offered
                select.set_options(offered)
            select.value = str(value)


class TickRow(FieldRow):
    """A field that is yes or no."""

    def __init__(self, field: str, label: str, words: str) -> None:
        super().__init__(field, label, Tick(words, id=control_id(field)))

    def put(self, value: Value) -> None:
        """Shows a value that was not chosen here."""
        with self.prevent(Checkbox.Changed):
            self.query_one(Tick).value = bool(value)


class Pane(Vertical):
    """One step. Subclasses compose rows, show the draft in them and take what is typed."""

    DEFAULT_CSS = """
    Pane { height: 1fr; padding: 0 1 0 0; overflow-y: auto; scrollbar-size: 1 1; }
    """
    STEP: ClassVar[Step]
    FIRST: ClassVar[str]  # selector of what has the cursor first
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "app.focus_next", "Next field", show=False),
        Binding("up", "app.focus_previous", "Field before", show=False),
    ]

    def __init__(self, making: Making) -> None:
        super().__init__(id=self.STEP.value)
        self.making = making
        self.tells_all = False  # whether what is wrong is told of fields, too, that nobody has been at
        self._been: set[str] = set()

    def shows(self, field: str) -> bool:
        """Whether what is wrong with a field is told already; nothing is missing where nobody has been."""
        row = next((row for row in self.query(FieldRow) if row.field == field), None)
        empty = row is not None and isinstance(row.control, Input) and not row.control.value
        return self.tells_all or field in self._been or not empty

    def fill(self) -> None:
        """Shows the draft in the rows."""

    def take(self, field: str, value: Value) -> None:
        """Keeps what was typed or chosen; fields of the request's parts by default."""
        self.making.draft.says(field, value, self.making.choices)

    def origin(self, field: str) -> str:
        """What stands beside a field that is right."""
        return self.making.draft.origin(field)

    def notes(self) -> None:
        """Says beside every row what is wrong, or who says so."""
        wrong = {
            problem.field: problem.message
            for problem in reversed(self.making.problems_of(self.STEP))
            if self.shows(problem.field)
        }
        for row in self.query(FieldRow):
            row.note(wrong.get(row.field) or self.origin(row.field), wrong=row.field in wrong)

    def to(self, field: str) -> None:
        """Puts the cursor on a field, or on the first one."""
        found = self.query(f"#{control_id(field)}") or self.query(self.FIRST)
        if found:
            self.focus_on(found.first())

    def focus_on(self, widget: Widget) -> None:
        """At once: keys that were pressed ahead are this widget's, not those of the step before."""
        self.screen.set_focus(widget)

    def leave(self) -> bool:
        """Before another step is shown; False when something here is unfinished."""
        return True

    @on(Input.Changed)
    @on(Select.Changed)
    @on(Checkbox.Changed)
    def _changed(self, event: Input.Changed | Select.Changed | Checkbox.Changed) -> None:
        row = next((row for row in self.query(FieldRow) if row.control is event.control), None)
        if row is None:
            return
        event.stop()
        value = event.value
        if isinstance(value, str | bool):
            self._been.add(row.field)
            self.take(row.field, value)
            self.post_message(Edited())

    def on_descendant_blur(self, event: events.DescendantBlur) -> None:
        """What was not said is missing once one has gone on."""
        row = next((row for row in self.query(FieldRow) if row.control is event.widget), None)
        if row is not None:
            self._been.add(row.field)
            self.post_message(Left())

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.app.action_focus_next()
