"""Lists: one table, one page at a time; sorted, narrowed and marked; empty ones say what would be here."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from tui import text
from tui.client import Client
from tui.screens.resource import ResourceScreen
from tui.widgets.filter_line import FilterLine
from tui.widgets.row_table import Column, Order, Row, RowTable
from tui.widgets.status_tabs import ALL, StatusTabs

_MARKING = frozenset({"mark", "mark_all"})
_STATUSES = frozenset({"next_status", "status"})


class ListScreen[T](ResourceScreen):
    """A page of things. Subclasses name the noun, fetch a page and turn a thing into a row."""

    HEADING: ClassVar[str]
    COLUMNS: ClassVar[Sequence[Column]]
    EMPTY: ClassVar[str]
    STATUSES: ClassVar[Sequence[str]] = ()  # what the server can narrow to
    SEARCHES: ClassVar[bool] = False  # whether the server looks for words, beyond the page
    MARKS: ClassVar[bool] = False  # whether something can be done with several at once

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left_square_bracket", "page(-1)", "Page back", id="page.back", show=False),
        Binding("right_square_bracket", "page(1)", "Next page", id="page.next", show=False),
        Binding("s", "sort", "Sort", id="sort.next", show=False, tooltip="Sort by the next column"),
        Binding("S", "sort_reverse", "Sort back", id="sort.reverse", show=False, tooltip="Turn the order"),
        Binding("space", "mark", "Mark", id="mark", show=False, tooltip="Mark the line, or unmark it"),
        Binding("ctrl+a", "mark_all", "Mark all", id="mark.all", show=False, tooltip="Mark all shown"),
        Binding("f", "next_status(1)", "Status", id="status.next", tooltip="Show the next status alone"),
        Binding("F", "next_status(-1)", "Status back", id="status.back", show=False),
    ]

    def __init__(self, client: Client) -> None:
        super().__init__(client)
        self.page = 1
        self.pages = 1
        self.total = 0
        self.things: list[T] = []
        self.status = ""  # "" is all
        self.search = ""  # what the server was asked to look for
        self.sort = ""  # in the server's words
        self._to_end = False  # a page reached from below is entered at its end
        self._pointed = ""  # what the cursor is to be on once it is read

    def body(self) -> ComposeResult:
        """The statuses, the table, and the words for when it is empty."""
        if self.STATUSES:
            yield StatusTabs(self.STATUSES)
        yield RowTable(self.COLUMNS, id="list")
        yield Static("", id="empty", markup=False)

    def heading(self) -> str:
        """What is listed, before its number."""
        return self.HEADING

    @property
    def called(self) -> str:
        """What is listed, without its number."""
        return self.heading().rpartition("‹ ")[2].partition(" · ")[0]

    @abstractmethod
    async def fetch_page(self, page: int) -> tuple[int, int, list[T]]:
        """How many things there are, how many pages, and the things of this one."""

    @abstractmethod
    def row(self, thing: T) -> Row:
        """One thing as a row."""

    def subject(self) -> T | None:
        """The thing under the cursor."""
        return self._thing(self.query_one(RowTable).selected)

    @property
    def wanted(self) -> dict[str, str]:
        """What is asked of the server beyond the page."""
        asked = {"status_filter": self.status, "search": self.search, "sort": self.sort}
        return {name: value for name, value in asked.items() if value}

    async def fetch(self) -> None:
        """Fetches the page on show, or the last one when that has gone."""
        self.total, self.pages, self.things = await self.fetch_page(self.page)
        if not self.things and 0 < self.pages < self.page:
            self.page = self.pages
            self.total, self.pages, self.things = await self.fetch_page(self.page)

    def draw(self) -> None:
        """The rows, and how many."""
        table = self.query_one(RowTable)
        table.show([self.row(thing) for thing in self.things])
        empty = self.query_one("#empty", Static)
        empty.update(f"\n  {self._empty()}")
        empty.display = not self.things
        table.display = bool(self.things)
        if self.things and self.focused is None:
            self.set_focus(table)
        if self._to_end:
            self._to_end = False
            table.move_cursor(row=table.row_count - 1, animate=False)
        pointed, self._pointed = self._pointed, ""
        if pointed:
            table.point_at(pointed)
        self.count()

    def point_at(self, key: str) -> None:
        """The cursor goes to what was just made, once the list has it; on another page it stays."""
        self._pointed = key
        self.action_refresh()

    def _empty(self) -> str:
        if self.search:
            return f'Nothing here has "{text.one_line(self.search)}" in it. esc drops the search.'
        if self.status:
            return f"Nothing here is {self.status}. f shows the next status."
        return self.EMPTY

    def count(self) -> None:
        """Where one is, how many there are, and what of them is in sight."""
        table = self.query_one(RowTable)
        shown, here = table.counts
        parts = [f"{self.heading()} {self.total}"]
        if self.pages > 1:
            parts.append(f"page {self.page}/{self.pages}  [ ] to turn")
        if marked := table.marked:
            parts.append(f"+ {len(marked)} marked")
        needle = self.query_one(FilterLine).value
        if self.search:
            parts.append(f'search "{self.search}"')
        elif needle:
            parts.append(f'filter "{needle}" shows {shown} of {here}')
        if table.order is not None and self.pages > 1 and not self.sort:
            parts.append("this page sorted")
        self.crumbs(" · ".join(parts))

    # --- which of them ---

    def targets(self) -> list[T]:
        """The marked things in sight; else the one that the cursor is on."""
        table = self.query_one(RowTable)
        if table.marked:
            return [thing for key in table.marked if (thing := self._thing(key)) is not None]
        thing = self.subject()
        return [] if thing is None else [thing]

    def _thing(self, key: str | None) -> T | None:
        return next((thing for thing in self.things if self.row(thing).key == key), None)

    def unmark(self) -> None:
        """Takes the marks away, after what was to be done is done."""
        self.query_one(RowTable).unmark()
        self.count()

    def action_mark(self) -> None:
        """Marks the line, or takes the mark away."""
        self.query_one(RowTable).mark()
        self.count()

    def action_mark_all(self) -> None:
        """Marks every line in sight, or none."""
        self.query_one(RowTable).mark_all()
        self.count()

    # --- narrowed ---

    def narrow(self, needle: str) -> None:
        """Narrows this page at once; enter asks the server where there is more than this page."""
        super().narrow("" if needle == self.search else needle)
        self.count()

    def narrow_to(self, needle: str) -> None:
        """A status that the server knows is asked for, anything else is looked for."""
        if needle in self.STATUSES:
            self.action_status(needle)
        else:
            if self.SEARCHES:
                self.search, self.page = needle, 1
                self.load()
            super().narrow_to(needle)

    def filter_closed(self) -> None:
        """Beyond the page only the server can look."""
        needle = self.query_one(FilterLine).value
        asks = self.SEARCHES and not needle.startswith("!") and (self.pages > 1 or self.search)
        if asks and needle != self.search:
            self.search, self.page = needle, 1
            super().narrow("")
            self.load()
        super().filter_closed()

    def action_next_status(self, step: int) -> None:
        """Goes on to the next status, or back."""
        self.action_status(self.query_one(StatusTabs).following(step))

    def action_status(self, word: str) -> None:
        """Shows the things of one status alone."""
        tabs = self.query_one(StatusTabs)
        tabs.choose(word)
        self.status = "" if tabs.chosen == ALL else tabs.chosen
        self.page = 1
        self.load()

    # --- sorted ---

    def action_sort(self) -> None:
        """By the next column."""
        self.query_one(RowTable).sort_next()

    def action_sort_reverse(self) -> None:
        """The other way round."""
        self.query_one(RowTable).sort_reverse()

    @on(RowTable.Sorted, "#list")
    def _sorted(self, event: RowTable.Sorted) -> None:
        """Over several pages the server sorts, where it can."""
        name = event.table.column(event.order.column).sort
        was, self.sort = self.sort, _asked(name, event.order) if name and self.pages > 1 else ""
        if self.sort:
            event.table.sort_by(event.order.column, event.order.reverse, given=True)
        if self.sort != was:
            self.page = 1
            self.load()
        self.count()

    # --- turned ---

    def action_page(self, step: int) -> None:
        """Turns the page."""
        wanted = min(max(1, self.page + step), max(1, self.pages))
        if wanted != self.page:
            self.page = wanted
            self._to_end = False
            self.load()

    @on(RowTable.PastEnd, "#list")
    def _past_end(self, event: RowTable.PastEnd) -> None:
        """Beyond the last row the next page begins, before the first the page before ends."""
        if 1 <= self.page + event.step <= self.pages and not self.query_one(FilterLine).value:
            self.action_page(event.step)
            self._to_end = event.step < 0

    @on(RowTable.RowSelected, "#list")
    def _opened(self, event: RowTable.RowSelected) -> None:
        if event.row_key.value is not None:
            self.open(event.row_key.value)

    @abstractmethod
    def open(self, key: str) -> None:
        """Goes into the thing with this id."""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """No marks where nothing can be done with several, no statuses where there are none."""
        if (action in _MARKING and not self.MARKS) or (action in _STATUSES and not self.STATUSES):
            return False
        return super().check_action(action, parameters)


def _asked(name: str, order: Order) -> str:
    return f"-{name}" if order.reverse else name
