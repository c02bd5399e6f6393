"""What lists share where one key acts on every marked line: the question before, the summary after."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Input, RadioSet, Static

from tui import bulk, text
from tui.screens.dialogs import Choice, Confirm, Deletion, Dialog
from tui.screens.listing import ListScreen


class Summary(Dialog[None]):
    """What was done and what was not."""

    def __init__(self, verb: str, outcome: bulk.Outcome) -> None:
        super().__init__()
        count = len(outcome.refused) + len(outcome.untried) + len(outcome.done)
        self._heading = f"{verb}: {len(outcome.done)} of {count} done"
        self._lines = "\n".join(text.one_line(line) for line in outcome.lines())

    def compose(self) -> ComposeResult:
        """A line each, those that were not done first."""
        with Vertical(classes="dialog"):
            yield Static(f"{self._heading}  (esc leaves)", markup=False)
            with VerticalScroll(classes="summary"):
                yield Static(self._lines, markup=False)


class ConfirmDeletions(Dialog[Deletion]):
    """How to delete several clusters, and their number typed to mean it."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self._names = bulk.named([text.one_line(name) for name in names])
        self._wanted = f"delete {len(names)}"
        self._count = len(names)

    def compose(self) -> ComposeResult:
        """The choice, what will be gone, and the words."""
        with Vertical(classes="dialog"):
            yield Static(f"Delete {self._count} clusters: {self._names}", markup=False)
            with RadioSet(compact=True):
                yield Choice(
                    "deprovision: remove Kubernetes from the nodes, then the record",
                    value=True,
                    id=Deletion.DEPROVISION,
                )
                yield Choice(
                    "forget: remove the record alone; the nodes stay as they are", id=Deletion.FORGET
                )
            yield Static(f"Type {self._wanted} and press enter; esc leaves.", markup=False)
            yield Input(id="typed-name", compact=True)
            yield Static("", id="dialog-error", markup=False)

    def on_mount(self) -> None:
        """The words are what is asked for."""
        self.query_one(Input).focus()

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        chosen = self.query_one(RadioSet).pressed_button
        if event.value.strip() != self._wanted:
            self.query_one("#dialog-error", Static).update(f"✗ That is not {self._wanted}. Nothing was done.")
        elif chosen is not None and chosen.id is not None:
            self.dismiss(Deletion(chosen.id))


class BulkScreen[T](ListScreen[T]):
    """A list with marks. Call its methods from workers."""

    MARKS: ClassVar[bool] = True

    async def agreed(self, verb: str, names: Sequence[str], consequence: str) -> bool:
        """Whether several things are meant; one alone needs no question."""
        return bool(names) if len(names) < 2 else await self.meant(verb, names, consequence)

    async def meant(self, verb: str, names: Sequence[str], consequence: str) -> bool:
        """Whether these are meant, few or many."""
        if not names:
            return False
        several = f"{len(names)}: " if len(names) > 1 else ""
        question = Confirm(f"{verb} {several}{bulk.named(names)}?", consequence)
        return await self.app.push_screen_wait(question) is True

    async def act(
        self, verb: str, things: Sequence[T], called: Callable[[T], str], do: Callable[[T], Awaitable[str]]
    ) -> None:
        """Does it to all of them, and says once what became of them."""
        outcome = await bulk.each(things, called, do)
        self.unmark()
        self.action_refresh()
        if outcome.complete:
            self.say(f"{verb}: {len(outcome.done)} done.")
        else:
            await self.app.push_screen_wait(Summary(verb, outcome))
