"""A table of any length drawn line by line: the cells of a row are made when it comes into sight."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, override

from rich.style import Style
from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.widgets.row_table import Column

_HEADER = 1
_REVERSED = Style(reverse=True)
Cells = Callable[[str], Sequence[Text]]


class HostGrid(ScrollView, can_focus=True):
    """One row per host, thousands of them; an update costs what is in sight and nothing else."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup", "turn(-1)", "Page up", show=False),
        Binding("pagedown", "turn(1)", "Page down", show=False),
        Binding("home", "to(0)", "To the top", show=False),
        Binding("end", "to(-1)", "To the end", show=False),
        Binding("enter", "pick", "Open", show=False),
    ]

    cursor: reactive[int] = reactive(0, repaint=False)

    @dataclass
    class Picked(Message):
        """The operator has chosen a host."""

        key: str

    def __init__(self, columns: Sequence[Column], cells: Cells, *, id: str) -> None:  # noqa: A002
        """`cells` makes the cells of a row, by its key."""
        super().__init__(id=id)
        self._shape = tuple(columns)
        self._cells = cells
        self._keys: list[str] = []
        self._height = 0

    @property
    def row_count(self) -> int:
        """How many rows there are."""
        return len(self._keys)

    @property
    def selected(self) -> str | None:
        """The key under the cursor; None in an empty table."""
        return self._keys[self.cursor] if self.cursor < len(self._keys) else None

    def get_row_at(self, row: int) -> list[Text]:
        """The cells of a row."""
        return list(self._cells(self._keys[row]))

    def show(self, keys: Sequence[str]) -> None:
        """Makes these the rows, in this order; the cursor stays on its host."""
        if self._keys != keys:
            selected, offset = self.selected, self.cursor - self.scroll_offset.y
            self._keys = list(keys)
            self._measure()
            if selected is not None and selected in keys and self.cursor:
                self.cursor = self._keys.index(selected)
                self.scroll_to(y=self.cursor - offset, animate=False, immediate=True)
            else:
                self.cursor = min(self.cursor, max(0, self.row_count - 1))
        self.refresh()

    def on_resize(self) -> None:
        """The scroll bar fits another height; a cursor that was in sight stays so."""
        before, self._height = self._height, self.scrollable_size.height
        self._measure()
        if self.scroll_offset.y <= self.cursor < self.scroll_offset.y + before - _HEADER:
            self.watch_cursor(self.cursor, self.cursor)

    def _measure(self) -> None:
        size = Size(self.scrollable_size.width, self.row_count + _HEADER)
        if size != self.virtual_size:
            # Past its reactive: hosts that appear one by one would lay out the whole screen each time.
            self.set_reactive(HostGrid.virtual_size, size)
            self._scroll_update(size)

    # --- drawing ---

    @override
    def render_line(self, y: int) -> Strip:
        """The heading, or the row that is in sight there."""
        width, style = self.scrollable_size.width, self.rich_style
        if y < _HEADER:
            cells = [Text(column.label, style="bold") for column in self._shape]
            return self._strip(" ", cells).crop_extend(0, width, style).apply_style(style)
        row = self.scroll_offset.y + y - _HEADER
        if row >= self.row_count:
            return Strip.blank(width, style)
        here = row == self.cursor
        drawn = self._strip("▸" if here else " ", self._cells(self._keys[row])).crop_extend(0, width, style)
        if here and self.has_focus:
            drawn = drawn.apply_style(style + _REVERSED)
        return drawn.apply_style(style)

    def _strip(self, sign: str, cells: Sequence[Text]) -> Strip:
        line = Text(sign, no_wrap=True, end="")
        for column, cell in zip(self._shape, cells, strict=True):
            fitted = cell.copy()
            fitted.truncate(column.width, overflow="ellipsis", pad=True)
            line.append_text(fitted).append(" ")
        return Strip(line.render(self.app.console))

    # --- keys ---

    def watch_cursor(self, old: int, new: int) -> None:
        """Keeps the cursor in sight."""
        height, top = max(1, self.scrollable_size.height - _HEADER), self.scroll_offset.y
        self.scroll_to(y=min(max(top, new - height + 1), new), animate=False, immediate=True)
        self.refresh()

    def action_move(self, step: int) -> None:
        """So many rows down."""
        self.cursor = min(max(0, self.cursor + step), max(0, self.row_count - 1))

    def action_turn(self, step: int) -> None:
        """One page up or down."""
        self.action_move(step * max(1, self.scrollable_size.height - _HEADER - 1))

    def action_to(self, row: int) -> None:
        """To the first row, or to the last."""
        self.cursor = max(0, self.row_count - 1) if row < 0 else 0

    def action_pick(self) -> None:
        """Chooses the host under the cursor."""
        if (key := self.selected) is not None:
            self.post_message(self.Picked(key))

    def on_click(self, event: events.Click) -> None:
        """A click puts the cursor there, a second one chooses."""
        row = self.scroll_offset.y + event.y - _HEADER
        if event.y >= _HEADER and row < self.row_count:
            self.cursor = row
            if event.chain > 1:
                self.action_pick()
