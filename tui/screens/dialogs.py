"""Questions on top of a screen. Harmless ones take y or n; destruction asks for the name to be typed."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.style import Style
from textual.widgets import Input, OptionList, RadioButton, RadioSet, Static

from tui import text

_LEAVE = Binding("escape", "leave", "Leave")


class Dialog[T](ModalScreen[T | None]):
    """A box in the middle; esc answers None."""

    BINDINGS: ClassVar[list[BindingType]] = [_LEAVE]

    def action_leave(self) -> None:
        """Leaves without an answer."""
        self.dismiss(None)


def _click(action: str) -> Style:
    """What a click there does."""
    return Style.from_meta({"@click": f"screen.{action}"})


class Confirm(Dialog[bool]):
    """Yes or no."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Yes"),
        Binding("n", "answer(False)", "No"),
    ]

    def __init__(self, question: str, consequence: str) -> None:
        super().__init__()
        self._lines = Content.assemble(
            f"{text.one_line(question)}\n\n{text.clean(consequence)}\n\n ",
            ("y  yes", _click("answer(True)")),
            "     ",
            ("n  no", _click("answer(False)")),
            "     ",
            ("esc leave", _click("leave")),
        )

    def compose(self) -> ComposeResult:
        """The question and what follows from a yes."""
        with Vertical(classes="dialog"):
            yield Static(self._lines, markup=False)

    def action_answer(self, answer: bool) -> None:
        """Gives the answer."""
        self.dismiss(answer)


class Choice(RadioButton):
    """A radio button whose mark is there or not, rather than in another colour."""

    def on_mount(self) -> None:
        """The first mark; the watcher sees changes only."""
        self._watch_value(self.value)

    def _watch_value(self, chosen: bool) -> None:
        self.BUTTON_INNER = "●" if chosen else " "
        self.refresh()


class Deletion(enum.StrEnum):
    """What shall be gone."""

    DEPROVISION = "deprovision"  # Kubernetes on the nodes, then the record
    FORGET = "forget"  # the record alone


class ConfirmDeletion(Dialog[Deletion]):
    """How to delete a cluster, and its name typed to mean it."""

    def __init__(self, name: str, nodes: list[str], *, never_provisioned: bool) -> None:
        super().__init__()
        self._cluster_name = name
        self._node_names = nodes
        self._never_provisioned = never_provisioned

    def compose(self) -> ComposeResult:
        """The choice, what will be gone, and the name."""
        named = ", ".join(self._node_names[:6]) + (" …" if len(self._node_names) > 6 else "")
        with Vertical(classes="dialog"):
            yield Static(f"Delete cluster {text.one_line(self._cluster_name)}", markup=False)
            with RadioSet(compact=True):
                yield Choice(
                    "deprovision: remove Kubernetes from the nodes, then the record",
                    value=not self._never_provisioned,
                    id=Deletion.DEPROVISION,
                )
                yield Choice(
                    "forget: remove the record alone; the nodes stay as they are",
                    value=self._never_provisioned,
                    id=Deletion.FORGET,
                )
            yield Static(f"{len(self._node_names)} nodes: {text.one_line(named)}", markup=False)
            yield Static(
                f"Type {text.one_line(self._cluster_name)} and press enter; esc leaves.", markup=False
            )
            yield Input(id="typed-name", compact=True)
            yield Static("", id="dialog-error", markup=False)

    def on_mount(self) -> None:
        """The name is what is asked for."""
        self.query_one(Input).focus()

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        chosen = self.query_one(RadioSet).pressed_button
        if event.value != self._cluster_name:
            self.query_one("#dialog-error", Static).update(
                f"✗ That is not {text.one_line(self._cluster_name)}. Nothing was done."
            )
        elif chosen is not None and chosen.id is not None:
            self.dismiss(Deletion(chosen.id))


class TypeName(Dialog[bool]):
    """Asks for a name to be typed before something is gone."""

    def __init__(self, question: str, consequence: str, name: str) -> None:
        super().__init__()
        self._lines = f"{text.one_line(question)}\n\n{text.clean(consequence)}"
        self._wanted = name

    def compose(self) -> ComposeResult:
        """The question, what follows, and the name."""
        with Vertical(classes="dialog"):
            yield Static(self._lines, markup=False)
            yield Static(f"Type {text.one_line(self._wanted)} and press enter; esc leaves.", markup=False)
            yield Input(id="typed-name", compact=True)
            yield Static("", id="dialog-error", markup=False)

    def on_mount(self) -> None:
        """The name is what is asked for."""
        self.query_one(Input).focus()

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if event.value == self._wanted:
            self.dismiss(True)
        else:
            self.query_one("#dialog-error", Static).update(
                f"✗ That is not {text.one_line(self._wanted)}. Nothing was done."
            )


class AskPath(Dialog[str]):
    """Where to save a file."""

    def __init__(self, title: str, suggestion: str) -> None:
        super().__init__()
        self._heading = title
        self._suggestion = suggestion

    def compose(self) -> ComposeResult:
        """The path, with a suggestion in it."""
        with Vertical(classes="dialog"):
            yield Static(f"{text.one_line(self._heading)}\nenter saves, esc leaves", markup=False)
            yield Input(self._suggestion, id="path", compact=True)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if event.value.strip():
            self.dismiss(event.value.strip())


class Choose(Dialog[int]):
    """One of several; answers its place."""

    def __init__(self, title: str, offered: list[str]) -> None:
        super().__init__()
        self._heading = title
        self._offered = offered

    def compose(self) -> ComposeResult:
        """A line each."""
        with Vertical(classes="dialog"):
            yield Static(f"{text.one_line(self._heading)}  (enter takes it, esc leaves)", markup=False)
            yield OptionList(*(text.one_line(line) for line in self._offered), compact=True, markup=False)

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.dismiss(event.option_index)


class Help(Dialog[None]):
    """The keys that work here, group by group."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q,question_mark", "leave", "Leave", show=False),
        Binding("j", "scroll(1)", "Down", show=False),
        Binding("k", "scroll(-1)", "Up", show=False),
    ]

    def __init__(self, groups: Sequence[tuple[str, Sequence[tuple[str, str]]]]) -> None:
        super().__init__()
        width = min(16, max((len(key) for _, keys in groups for key, _ in keys), default=0))
        self._lines = "\n\n".join(
            "\n".join([title.upper(), *(f" {key:<{width}}  {text.one_line(what)}" for key, what in keys)])
            for title, keys in groups
        )

    def compose(self) -> ComposeResult:
        """One line per key."""
        with VerticalScroll(classes="dialog tall") as lines:
            lines.border_title = "Keys"
            lines.border_subtitle = "up, down scroll · esc leaves"
            yield Static(self._lines, markup=False)

    def on_mount(self) -> None:
        """The lines scroll with the usual keys."""
        self.query_one(VerticalScroll).focus()

    def action_scroll(self, lines: int) -> None:
        """Up or down."""
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)
