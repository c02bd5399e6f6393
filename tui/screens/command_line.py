"""The line that `:` opens at the bottom: goes anywhere, does anything, completes what one types."""

from __future__ import annotations

from typing import ClassVar, override

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.suggester import Suggester
from textual.widgets import Input, Static

from tui import commands, text
from tui.commands import Command, Grammar

_MOST_OFFERED = 12


class _Ahead(Suggester):
    """The rest of the line, shown dim behind the cursor; the right arrow takes it."""

    def __init__(self, grammar: Grammar) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._grammar = grammar

    @override
    async def get_suggestion(self, value: str) -> str | None:
        """The first line that this one may become."""
        found = self._grammar.completions(value) if value.strip() else []
        return next((line for line in found if line.startswith(value) and line != value), None)


class CommandInput(Input):
    """Tab goes through the completions, up and down through what was typed before."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "complete(1)", "Complete", id="command.complete"),
        Binding("shift+tab", "complete(-1)", "Complete back", id="command.complete-back", show=False),
        Binding("up", "recall(-1)", "Before", id="command.before"),
        Binding("down", "recall(1)", "After", id="command.after", show=False),
    ]

    def __init__(self, grammar: Grammar, history: list[str]) -> None:
        super().__init__(id="command", compact=True, suggester=_Ahead(grammar))
        self._grammar = grammar
        self._history = history
        self._recalled = len(history)
        self._offered: list[str] = []
        self._taken = -1

    def typed(self) -> None:
        """Something else stands there now: what tab offered is over."""
        if not self._offered or self.value != self._offered[self._taken]:
            self._offered, self._taken = [], -1

    async def on_key(self, event: events.Key) -> None:
        """Enter means what stood there when it was pressed; as a binding it would be late."""
        if event.key == "enter":
            event.stop()
            event.prevent_default()
            await self.action_submit()

    def action_complete(self, step: int) -> None:
        """The next completion; one alone is taken with the space after it."""
        if not self._offered:
            self._offered = self._grammar.completions(self.value)
        if not self._offered:
            return
        if len(self._offered) == 1:
            line = self._offered[0]
            self._offered = []
            more = " " if " " not in line and self._grammar.takes_argument(line) else ""
            self.value = line + more
        else:
            start = self._taken if self._taken >= 0 or step > 0 else 0
            self._taken = (start + step) % len(self._offered)
            self.value = self._offered[self._taken]
        self.cursor_position = len(self.value)

    def action_recall(self, step: int) -> None:
        """An earlier line, or a later one."""
        self._recalled = min(max(0, self._recalled + step), len(self._history))
        self.value = self._history[self._recalled] if self._recalled < len(self._history) else ""
        self.cursor_position = len(self.value)


class CommandLine(ModalScreen[Command | None]):
    """Answers what the line asks for; what is not understood stays and is told."""

    AUTO_FOCUS = ""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Leave", id="command.leave")]

    def __init__(self, grammar: Grammar, history: list[str]) -> None:
        super().__init__()
        self._grammar = grammar
        self._history = history

    def compose(self) -> ComposeResult:
        """What is offered, and the line."""
        with Vertical(id="command-line"):
            yield Static("", id="command-hint", markup=False)
            with Horizontal(id="command-row"):
                yield Static(":", id="command-sign", markup=False)
                yield CommandInput(self._grammar, self._history)

    def on_mount(self) -> None:
        """Offers everything."""
        self.offer()
        self._take_keys()

    def _take_keys(self) -> None:
        """The line gets the keys once those typed before it have come: none is lost, none overtakes."""
        if self.message_queue_size:
            self.call_later(self._take_keys)
        else:
            self.set_focus(self.query_one(CommandInput))

    async def on_key(self, event: events.Key) -> None:
        """What was typed faster than the line was there."""
        line = self.query_one(CommandInput)
        if self.focused is line:
            return
        if event.is_printable and event.character:
            line.insert_text_at_cursor(event.character)
        elif event.key == "backspace":
            line.action_delete_left()
        elif event.key == "enter":
            await line.action_submit()
        else:
            return
        event.stop()

    def offer(self) -> None:
        """Says what may follow; called again when more is known."""
        line = self.query_one(CommandInput).value
        found = self._grammar.completions(line)
        shown = [each.partition(" ")[2] or each for each in found[:_MOST_OFFERED]]
        more = " …" if len(found) > _MOST_OFFERED else ""
        word = line.strip().partition(" ")[0]
        if len(found) <= 1 and (told := self._grammar.told(found[0] if found and " " not in line else word)):
            name = found[0] if found and " " not in line else word
            self._hint(f"{name}: {told}")
        else:
            self._hint("  ".join(shown) + more)

    def _hint(self, line: str) -> None:
        self.query_one("#command-hint", Static).update(f" {text.one_line(line)}")

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        self.query_one(CommandInput).typed()
        self.offer()

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        line = event.value.strip()
        if not line:
            self.dismiss(None)
            return
        try:
            command = self._grammar.read(line)
        except commands.Unknown as unknown:
            self._hint(f"✗ {unknown}")
            return
        if line not in self._history[-1:]:
            self._history.append(line)
        self.dismiss(command)

    def action_leave(self) -> None:
        """Nothing was asked for."""
        self.dismiss(None)
