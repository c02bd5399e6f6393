"""A table of things with an id each: updates in place, keeps the cursor on its thing, narrows to a filter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text
from textual.widgets import DataTable


@dataclass(frozen=True)
class Column:
    """A heading and its fixed width in cells: measuring widths is what makes big tables slow."""

    key: str
    label: str
    width: int


@dataclass(frozen=True)
class Row:
    """A thing's id and its cells, in the order of the columns."""

    key: str
    cells: tuple[Text, ...]

    def matches(self, needle: str) -> bool:
        """Whether any cell contains the text, whatever the case; a leading ! turns it round."""
        wanted, inverse = needle.removeprefix("!").casefold(), needle.startswith("!")
        found = any(wanted in cell.plain.casefold() for cell in self.cells)
        return found is not inverse if wanted else True


class RowTable(DataTable[Text]):
    """Rows that replace each other by key; unchanged cells are not touched, so nothing jumps."""

    def __init__(self, columns: Sequence[Column], *, id: str) -> None:  # noqa: A002  Textual's own name
        super().__init__(id=id, cursor_type="row", zebra_stripes=False)
        self._shape = tuple(columns)
        self._all: list[Row] = []
        self._shown: dict[str, Row] = {}
        self._needle = ""

    def on_mount(self) -> None:
        """Adds the columns once."""
        for column in self._shape:
            self.add_column(column.label, key=column.key, width=column.width)

    @property
    def selected(self) -> str | None:
        """The key under the cursor; None in an empty table."""
        keys = list(self._shown)
        return keys[self.cursor_row] if 0 <= self.cursor_row < len(keys) else None

    @property
    def counts(self) -> tuple[int, int]:
        """Rows shown, and rows there are."""
        return len(self._shown), len(self._all)

    def show(self, rows: Sequence[Row]) -> None:
        """Makes these the rows."""
        self._all = list(rows)
        self._draw()

    def narrow(self, needle: str) -> None:
        """Shows only the rows that contain the text; an empty one shows all."""
        self._needle = needle
        self._draw()

    def _draw(self) -> None:
        wanted = {row.key: row for row in self._all if row.matches(self._needle)}
        if list(wanted) == list(self._shown):
            self._update(wanted)
        else:
            self._rebuild(wanted)
        self._shown = wanted

    def _update(self, wanted: dict[str, Row]) -> None:
        for key, row in wanted.items():
            for column, new, old in zip(self._shape, row.cells, self._shown[key].cells, strict=True):
                if new != old:
                    self.update_cell(key, column.key, new)

    def _rebuild(self, wanted: dict[str, Row]) -> None:
        selected, top = self.selected, self.scroll_offset.y
        self.clear()  # removing rows one by one is slower than starting over
        for key, row in wanted.items():
            self.add_row(*row.cells, key=key)
        if selected in wanted:
            self.move_cursor(row=list(wanted).index(selected), scroll=False)
            self.scroll_to(y=top, animate=False)
