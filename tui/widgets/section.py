"""A part of a screen: a heading, lines to choose from, and words for when there are none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import override

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from tui import glance
from tui.widgets.row_table import Column, Row, RowTable

_WIDEST = 400  # of a line; what is beyond the screen is cut


class Lines(RowTable):
    """One line per thing; the cursor is seen where the keys go, and keeps its place when its line goes."""

    def __init__(self, *, id: str) -> None:  # noqa: A002  Textual's own name
        super().__init__([Column("line", "", _WIDEST)], id=id)
        self.show_header = False
        self.show_cursor = False

    def on_focus(self) -> None:
        """The keys go here."""
        self.show_cursor = True

    def on_blur(self) -> None:
        """The keys go elsewhere."""
        self.show_cursor = False

    @override
    def show(self, rows: Sequence[Row]) -> None:
        """Makes these the rows."""
        was, place = self.selected, self.cursor_row
        super().show(rows)
        if was is not None and self.selected != was and self.row_count:
            self.move_cursor(row=min(place, self.row_count - 1), animate=False)


class Section(Vertical):
    """As high as its lines, or as high as it may be; then the heading says how many more there are."""

    def __init__(self, title: str, *, id: str) -> None:  # noqa: A002  Textual's own name
        super().__init__(id=id)
        self._title = title
        self._count = 0
        self._rows_shown = 0

    @override
    def compose(self) -> ComposeResult:
        yield Static("", classes="heading", markup=False)
        yield Lines(id=f"{self.id}-lines")
        yield Static("", classes="nothing", markup=False)

    @property
    def lines(self) -> Lines:
        """The lines."""
        return self.query_one(Lines)

    @property
    def wanted(self) -> int:
        """How many lines there are to be seen, or one to say that there are none."""
        return max(1, self.lines.counts[0])

    def show(self, rows: Sequence[Row], *, count: int, nothing: str) -> None:
        """Makes these the lines, of so many; or says that there is nothing."""
        self._count = count
        self.lines.show(rows)
        self.query_one(".nothing", Static).update(Text(nothing, no_wrap=True))
        self.lines.display = bool(rows)
        self.query_one(".nothing").display = not rows

    def fold(self, height: int, width: int) -> None:
        """Takes so many lines, the heading not counted."""
        self.lines.styles.height = height
        shown, here = self.lines.counts
        hidden = max(0, shown - height) + self._count - here
        self.query_one(".heading", Static).update(glance.heading(self._title, self._count, hidden, width))
