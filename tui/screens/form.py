"""Forms: one line per member of a request; the server's refusals are shown beneath the lines they name."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.suggester import SuggestFromList
from textual.widgets import Input, Static

from tui import errors, messages, text
from tui.client import Client
from tui.screens.dialogs import Confirm, Dialog

_WORDS = {"yes": True, "no": False, "": None}


class Field(NamedTuple):
    """One line of a form."""

    member: str  # of the request
    label: str
    first: str = ""  # what stands there for a new thing
    secret: bool = False  # not shown while it is typed
    choices: tuple[str, ...] = ()  # offered while one types


class Form[T](Dialog[T]):
    """Answers the thing as the server keeps it. Subclasses name the fields and save them."""

    FIELDS: ClassVar[Sequence[tuple[Any, ...]]]  # Field, or what makes one
    HELP: ClassVar[str]
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+s", "save", "Save")]

    def __init__(self, client: Client, known: T | None) -> None:
        super().__init__()
        self.client = client
        self.known = known
        self._first: dict[str, str] = {}

    @property
    def fields(self) -> list[Field]:
        """The lines of this form."""
        return [Field(*each) for each in self.FIELDS]

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
        """One line per member, and room for what is wrong with it."""
        with Vertical(classes="dialog form"):
            yield Static(text.one_line(self.heading()), markup=False)
            with VerticalScroll(classes="fields", can_focus=False):
                for each in self.fields:
                    shown = each.first if self.known is None else self.value(each.member, self.known)
                    self._first[each.member] = text.one_line(shown)
                    yield from self._line(each)
            yield Static(f"{self.HELP}enter or ctrl+s saves, esc leaves.", markup=False)
            yield Static("", id="dialog-note", markup=False)
            yield Static("", id="dialog-error", markup=False)

    def _line(self, each: Field) -> ComposeResult:
        with Horizontal(classes="field"):
            yield Static(each.label, classes="label", markup=False)
            offered = SuggestFromList(each.choices, case_sensitive=False) if each.choices else None
            yield Input(
                self._first[each.member],
                id=each.member,
                compact=True,
                password=each.secret,
                suggester=offered,
                placeholder=", ".join(each.choices),
            )
        yield Static("", id=f"wrong-{each.member}", classes="wrong", markup=False)

    def values(self) -> dict[str, str]:
        """What stands in the fields."""
        return {
            each.member: self._typed(each).value if each.secret else self._typed(each).value.strip()
            for each in self.fields
        }

    def _typed(self, each: Field) -> Input:
        return self.query_one(f"#{each.member}", Input)

    # --- leaving ---

    def action_leave(self) -> None:
        """Leaves; asks first when something was typed."""
        if self.values() == self._first:
            self.dismiss(None)
        else:
            question = Confirm("Leave without saving?", "What you typed is lost.")
            self.app.push_screen(question, self._left)

    def _left(self, agreed: bool | None) -> None:
        if agreed:
            self.dismiss(None)

    # --- saving ---

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_save()

    @work(exclusive=True)
    async def action_save(self) -> None:
        """Sends the form; a refusal stays on it."""
        try:
            saved = await self.save(self.values())
        except errors.SessionEnded as ended:
            self.app.post_message(messages.SignInNeeded(str(ended)))
        except errors.ApiError as refused:
            self._refused(refused)
        else:
            self.dismiss(saved)

    def _refused(self, refusal: errors.ApiError) -> None:
        """What names a field goes beneath it, the rest to the end."""
        named = refusal.fields if isinstance(refusal, errors.Refused) else {}
        wrong: dict[str, str] = {}
        for path, message in named.items():
            if (member := self._member(path)) is not None:
                wrong[member] = f"{wrong[member]}; {message}" if member in wrong else message
        for each in self.fields:
            beneath = self.query_one(f"#wrong-{each.member}", Static)
            beneath.update(f"✗ {text.one_line(wrong[each.member])}" if each.member in wrong else "")
            beneath.display = each.member in wrong
        placed = bool(named) and all(self._member(path) is not None for path in named)
        told = "See above; nothing was saved." if placed else text.clean(str(refusal))
        self.query_one("#dialog-error", Static).update(f"✗ {told}")
        if wrong:
            self._typed(next(each for each in self.fields if each.member in wrong)).focus()

    def _member(self, path: str) -> str | None:
        """The field that a refusal names: `nodes.0.role` may be `role`, or `nodes`."""
        members = {each.member for each in self.fields}
        return next((part for part in reversed(path.split(".")) if part in members), None)


def wrong(member: str, why: str) -> errors.Refused:
    """A refusal of the form's own, before anything is sent."""
    return errors.Refused(f"{member}: {why}.", {member: why})


def whole(values: dict[str, str], member: str) -> int | None:
    """A whole number, or None for an empty field. Raises Refused."""
    typed = values[member]
    if not typed:
        return None
    if not typed.isascii() or not typed.isdecimal():
        raise wrong(member, "is a whole number, or empty")
    return int(typed)


def decided(values: dict[str, str], member: str) -> bool | None:
    """Yes, no, or None for an empty field. Raises Refused."""
    typed = values[member].casefold()
    if typed not in _WORDS:
        raise wrong(member, "is yes, no, or empty")
    return _WORDS[typed]


def listed(typed: str) -> list[str]:
    """What stands between commas or blanks."""
    return typed.replace(",", " ").split()
