"""One thing in full, to read: in words or as YAML, with a search."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import TextArea
from textual.widgets.text_area import Selection

from tui import description, document, text
from tui.client import Client
from tui.screens.resource import ResourceScreen
from tui.widgets.filter_line import FilterLine


class Page(TextArea, inherit_bindings=False):
    """Lines to scroll through. Has none of an editor's keys, so that those of the screen work."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "scroll_up", "Up", show=False),
        Binding("down,j", "scroll_down", "Down", show=False),
        Binding("left,h", "scroll_left", "Left", show=False),
        Binding("right", "scroll_right", "Right", show=False),
        Binding("pageup,ctrl+b", "page_up", "Page up", show=False),
        Binding("pagedown,ctrl+f,space", "page_down", "Page down", show=False),
        Binding("home", "scroll_home", "Top", show=False),
        Binding("end,G", "scroll_end", "End", show=False),
    ]

    def __init__(self, content: str) -> None:
        super().__init__(
            text.clean(content), id="page", read_only=True, soft_wrap=False, compact=True, show_cursor=False
        )

    def find(self, needle: str, *, start: int, step: int = 1) -> int | None:
        """Selects the first match from a line on, round the end; returns the line, None without a match."""
        wanted = needle.casefold()
        lines = self.text.splitlines()
        for offset in range(len(lines)):
            number = (start + step * offset) % len(lines)
            if (column := lines[number].casefold().find(wanted)) >= 0:
                self.selection = Selection((number, column), (number, column + len(needle)))
                self.scroll_to(y=max(0, number - self.size.height // 2), animate=False)
                return number
        return None


class ReadingScreen(ResourceScreen):
    """Nothing is fetched: what was under the cursor is shown as it was."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "slash", "filter", "Search", id="filter", tooltip="Find a text while you type", priority=True
        ),
        Binding("n", "next(1)", "Next", id="reading.next", tooltip="To the next match"),
        Binding(
            "N", "next(-1)", "Previous", id="reading.previous", show=False, tooltip="To the match before"
        ),
        Binding("d", "describe", "In words", id="describe", tooltip="In words, field by field"),
        Binding("y", "yaml", "YAML", id="yaml", tooltip="As YAML"),
        Binding("Y", "copy", "Copy", id="copy", tooltip="Copy it as YAML"),
        Binding("E", "export", "Export", id="export", tooltip="Save it as YAML or JSON"),
        Binding("escape", "back", "Back", id="back"),
    ]

    def __init__(self, client: Client, thing: object, form: str) -> None:
        super().__init__(client)
        self._thing = thing
        self._form = form
        self._line = 0
        self._needle = ""

    def subject(self) -> object | None:
        """What is read."""
        return self._thing

    def body(self) -> ComposeResult:
        """The lines."""
        yield Page(self._content())

    def _content(self) -> str:
        return document.as_yaml(self._thing) if self._form == "yaml" else description.described(self._thing)

    async def fetch(self) -> None:
        """Nothing to fetch."""

    def draw(self) -> None:
        """Where one is, and whether the search found something."""
        state = "as YAML" if self._form == "yaml" else "in words"
        self.crumbs(f"‹ {document.called(self._thing)} · {state}{self._found()}")

    def _found(self) -> str:
        if not self._needle:
            return ""
        wanted = self._needle.casefold()
        count = sum(wanted in line.casefold() for line in self.query_one(Page).text.splitlines())
        return f' · "{self._needle}" on {count} lines, n and N go on' if count else f' · no "{self._needle}"'

    def on_mount(self) -> None:
        """The lines have the keys."""
        self.rest()

    def rest(self) -> None:
        """The lines have the keys."""
        self.query_one(Page).focus()

    def narrow(self, needle: str) -> None:
        """Goes to the first match; nothing is hidden, so that what surrounds it stays in sight."""
        self._needle = needle
        if needle:
            found = self.query_one(Page).find(needle, start=self._line)
            self._line = self._line if found is None else found
        self.draw()

    def action_next(self, step: int) -> None:
        """On to the next match."""
        if not self._needle:
            self.query_one(FilterLine).open()
            return
        found = self.query_one(Page).find(self._needle, start=self._line + step, step=step)
        self._line = self._line if found is None else found

    def action_describe(self) -> None:
        """In words."""
        self._show("words")

    def action_yaml(self) -> None:
        """As YAML."""
        self._show("yaml")

    def _show(self, form: str) -> None:
        self._form, self._line = form, 0
        self.query_one(Page).load_text(text.clean(self._content()))
        self.draw()
