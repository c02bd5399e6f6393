"""A table of things with an id each: updates in place, keeps its cursor, narrows, sorts and marks."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rich.text import Text
from textual import on
from textual.message import Message
from textual.widgets import DataTable
from textual.widgets.data_table import ColumnKey

_NUMBERS = re.compile(r"(\d+)")
_SIGN = re.compile(r"^\W+")  # of a state: its word is what is sorted by
_UP, _DOWN = "▲", "▼"


@dataclass(frozen=True)
class Column:
    """A heading and its fixed width in cells: measuring widths is what makes big tables slow."""

    key: str
    label: str
    width: int
    sort: str = ""  # the server's name for this order; empty where it has none


@dataclass(frozen=True)
class Row:
    """A thing's id and its cells, in the order of the columns."""

    key: str
    cells: tuple[Text, ...]
    #: What a column sorts by when its words do not tell, such as a time or a size.
    numbers: Mapping[str, float] = field(default_factory=dict[str, float], compare=False)

    def matches(self, needle: str) -> bool:
        """Whether any cell contains the text, whatever the case; a leading ! turns it round."""
        wanted, inverse = needle.removeprefix("!").casefold(), needle.startswith("!")
        found = any(wanted in cell.plain.casefold() for cell in self.cells)
        return found is not inverse if wanted else True


@dataclass(frozen=True)
class Order:
    """A column to sort by, and which way."""

    column: str
    reverse: bool = False


class RowTable(DataTable[Text]):
    """Rows that replace each other by key; unchanged cells are not touched, so nothing jumps."""

    @dataclass
    class Sorted(Message):
        """Somebody asked for another order."""

        table: RowTable
        order: Order

        @property
        def control(self) -> RowTable:
            """The table."""
            return self.table

    @dataclass
    class PastEnd(Message):
        """The cursor was to move beyond the last row (1) or the first (-1)."""

        table: RowTable
        step: int

        @property
        def control(self) -> RowTable:
            """The table."""
            return self.table

    def __init__(self, columns: Sequence[Column], *, id: str) -> None:  # noqa: A002  Textual's own name
        super().__init__(id=id, cursor_type="row", zebra_stripes=False)
        self._shape = tuple(columns)
        self._all: list[Row] = []
        self._shown: dict[str, Row] = {}
        self._needle = ""
        self._marks: set[str] = set()
        self._order: Order | None = None
        self._height = 0
        self._given_order = False  # whether the rows came in this order already

    def on_mount(self) -> None:
        """Adds the columns once."""
        for column in self._shape:
            self.add_column(column.label, key=column.key, width=column.width)

    @property
    def selected(self) -> str | None:
        """The key under the cursor; None in an empty table."""
        keys = list(self._shown)
        return keys[self.cursor_row] if 0 <= self.cursor_row < len(keys) else None

    def point_at(self, key: str) -> None:
        """Puts the cursor on a row, if it is shown."""
        keys = list(self._shown)
        if key in keys:
            self.move_cursor(row=keys.index(key), animate=False)

    @property
    def counts(self) -> tuple[int, int]:
        """Rows shown, and rows there are."""
        return len(self._shown), len(self._all)

    def show(self, rows: Sequence[Row]) -> None:
        """Makes these the rows; marks of those that are gone go with them."""
        self._all = list(rows)
        self._marks &= {row.key for row in rows}
        self._draw()

    def narrow(self, needle: str) -> None:
        """Shows only the rows that contain the text; an empty one shows all."""
        self._needle = needle
        self._draw()

    # --- marks ---

    @property
    def marked(self) -> list[str]:
        """Keys of the marked rows in sight, in their order: what a filter hides is not acted on."""
        return [key for key in self._shown if key in self._marks]

    def mark(self) -> None:
        """Marks the row under the cursor, or takes its mark away, and goes on to the next."""
        if (key := self.selected) is not None:
            self._marks ^= {key}
            self._draw()
            super().action_cursor_down()

    def mark_all(self) -> None:
        """Marks every row in sight; takes the marks away where all have one."""
        shown = set(self._shown)
        self._marks = self._marks - shown if shown <= self._marks else self._marks | shown
        self._draw()

    def unmark(self) -> None:
        """Takes every mark away."""
        self._marks.clear()
        self._draw()

    # --- order ---

    @property
    def order(self) -> Order | None:
        """What the rows are sorted by; None as they came."""
        return self._order

    def has_column(self, key: str) -> bool:
        """Whether there is a column of this key."""
        return any(column.key == key for column in self._shape)

    def reshape(self, columns: Sequence[Column]) -> None:
        """Other columns; the rows are to be shown anew."""
        self.clear(columns=True)
        self._shape, self._shown = tuple(columns), {}
        for column in self._shape:
            self.add_column(column.label, key=column.key, width=column.width)
        self._head()

    def column(self, key: str) -> Column:
        """The column of this key."""
        return next(column for column in self._shape if column.key == key)

    def sort_by(self, key: str, reverse: bool = False, *, given: bool = False) -> None:
        """Sorts by a column, equal ones as they came; `given` rows came in this order."""
        self._order = Order(key, reverse)
        self._given_order = given
        self._head()
        self._draw()

    def sort_next(self) -> None:
        """Sorts by the column after the present one, from the first to the last and round."""
        keys = [column.key for column in self._shape]
        place = -1 if self._order is None else keys.index(self._order.column)
        self._ask(Order(keys[(place + 1) % len(keys)]))

    def sort_reverse(self) -> None:
        """Turns the order round; that of the first column when there is none."""
        now = self._order or Order(self._shape[0].key)
        self._ask(Order(now.column, not now.reverse))

    @on(DataTable.HeaderSelected)
    def _heading_clicked(self, event: DataTable.HeaderSelected) -> None:
        event.stop()
        key = event.column_key.value or self._shape[0].key
        now = self._order
        self._ask(Order(key, now is not None and now.column == key and not now.reverse))

    def _ask(self, order: Order) -> None:
        self.sort_by(order.column, order.reverse)
        self.post_message(self.Sorted(self, order))

    def _head(self) -> None:
        for column in self._shape:
            label = column.label
            if self._order is not None and self._order.column == column.key:
                label = f"{label[: column.width - 1]}{_DOWN if self._order.reverse else _UP}"
            self.columns[ColumnKey(column.key)].label = Text(label, no_wrap=True)
        self._clear_caches()
        self.refresh()

    def _ordered(self, rows: list[Row]) -> list[Row]:
        if self._order is None or self._given_order:
            return rows
        place = [column.key for column in self._shape].index(self._order.column)
        key = self._order.column
        return sorted(rows, key=lambda row: _rank(row, key, place), reverse=self._order.reverse)

    # --- cursor ---

    def action_cursor_down(self) -> None:
        """Down; beyond the last row is told."""
        if self.cursor_row >= self.row_count - 1:
            self.post_message(self.PastEnd(self, 1))
        super().action_cursor_down()

    def action_cursor_up(self) -> None:
        """Up; beyond the first row is told."""
        if self.cursor_row <= 0:
            self.post_message(self.PastEnd(self, -1))
        super().action_cursor_up()

    def on_resize(self) -> None:
        """A cursor that was in sight stays so: a passing line takes a row of the table."""
        before, self._height = self._height, self.size.height
        top = self.scroll_offset.y
        if self._height < before and top <= self.cursor_row < top + before - self.header_height:
            self.call_after_refresh(self._scroll_cursor_into_view, animate=False)

    # --- drawing ---

    def _draw(self) -> None:
        rows = self._ordered([row for row in self._all if row.matches(self._needle)])
        wanted = {row.key: self._with_mark(row) for row in rows}
        if list(wanted) == list(self._shown):
            self._update(wanted)
        else:
            self._rebuild(wanted)
        self._shown = wanted

    def _with_mark(self, row: Row) -> Row:
        if row.key not in self._marks:
            return row
        first = Text.assemble("+ ", row.cells[0], style="bold", no_wrap=True)
        return Row(row.key, (first, *row.cells[1:]), row.numbers)

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


def _rank(row: Row, key: str, place: int) -> tuple[float, list[tuple[int, int, str]]]:
    """Numbers by their value, words whatever their case, and numbers within words as numbers."""
    parts = _NUMBERS.split(_SIGN.sub("", row.cells[place].plain.casefold()))
    words = [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part]
    return row.numbers.get(key, 0.0), words
