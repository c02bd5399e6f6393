"""Forms: one line per member of a request; the server's refusals are shown in them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, Static

from tui import errors, messages, text
from tui.client import Client
from tui.screens.dialogs import Dialog


class Form[T](Dialog[T]):
    """Answers the thing as the server keeps it. Subclasses name the fields and save them."""

    FIELDS: ClassVar[Sequence[tuple[str, str, str]]]  # member of the request, label, what stands there first
    HELP: ClassVar[str]
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+s", "save", "Save")]

    def __init__(self, client: Client, known: T | None) -> None:
        super().__init__()
        self.client = client
        self.known = known

    @abstractmethod
    def heading(self) -> str:
        """What is made or changed."""

    @abstractmethod
    def value(self, member: str, known: T) -> str:
        """What stands in a field for the thing as it is."""

    @abstractmethod
    async def save(self, values: dict[str, str]) -> T:
        """Sends what was typed. Raises ApiError."""

    def compose(self) -> ComposeResult:
        """One line per member."""
        with Vertical(classes="dialog form"):
            yield Static(self.heading(), markup=False)
            for member, label, first in self.FIELDS:
                shown = first if self.known is None else text.one_line(self.value(member, self.known))
                with Horizontal(classes="field"):
                    yield Static(label, classes="label", markup=False)
                    yield Input(shown, id=member, compact=True)
            yield Static(f"{self.HELP}enter or ctrl+s saves, esc leaves.", markup=False)
            yield Static("", id="dialog-error", markup=False)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_save()

    @work(exclusive=True)
    async def action_save(self) -> None:
        """Sends the form; a refusal stays on it."""
        values = {member: self.query_one(f"#{member}", Input).value.strip() for member, _, _ in self.FIELDS}
        try:
            saved = await self.save(values)
        except errors.SessionEnded as ended:
            self.app.post_message(messages.SignInNeeded(str(ended)))
        except errors.ApiError as refused:
            self.query_one("#dialog-error", Static).update(f"✗ {text.clean(str(refused))}")
        else:
            self.dismiss(saved)
