"""Lists: one table, one page at a time, empty ones say what would be here."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from tui.client import Client
from tui.screens.resource import ResourceScreen
from tui.widgets.filter_line import FilterLine
from tui.widgets.row_table import Column, Row, RowTable


class ListScreen[T](ResourceScreen):
    """A page of things. Subclasses name the noun, fetch a page and turn a thing into a row."""

    HEADING: ClassVar[str]
    COLUMNS: ClassVar[Sequence[Column]]
    EMPTY: ClassVar[str]

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left_square_bracket", "page(-1)", "Page back", id="page.back", show=False),
        Binding("right_square_bracket", "page(1)", "Next page", id="page.next", show=False),
    ]

    def __init__(self, client: Client) -> None:
        super().__init__(client)
        self.page = 1
        self.pages = 1
        self.total = 0
        self.things: list[T] = []

    def body(self) -> ComposeResult:
        """The table, and the words for when it is empty."""
        yield RowTable(self.COLUMNS, id="list")
        yield Static(f"\n  {self.EMPTY}", id="empty", markup=False)

    def heading(self) -> str:
        """What is listed, before its number."""
        return self.HEADING

    @abstractmethod
    async def fetch_page(self, page: int) -> tuple[int, int, list[T]]:
        """How many things there are, how many pages, and the things of this one."""

    @abstractmethod
    def row(self, thing: T) -> Row:
        """One thing as a row."""

    def subject(self) -> T | None:
        """The thing under the cursor."""
        key = self.query_one(RowTable).selected
        return next((thing for thing in self.things if self.row(thing).key == key), None)

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
        self.query_one("#empty").display = not self.things
        table.display = bool(self.things)
        if self.things and self.focused is None:
            table.focus()
        self._count()

    def _count(self) -> None:
        shown, here = self.query_one(RowTable).counts
        parts = [f"{self.heading()} {self.total}"]
        if self.pages > 1:
            parts.append(f"page {self.page}/{self.pages}  [ ] to turn")
        if needle := self.query_one(FilterLine).value:
            parts.append(f'filter "{needle}" shows {shown} of {here}')
        self.crumbs(" · ".join(parts))

    def narrow(self, needle: str) -> None:
        """Narrows this page."""
        super().narrow(needle)
        self._count()

    def action_page(self, step: int) -> None:
        """Turns the page."""
        wanted = min(max(1, self.page + step), max(1, self.pages))
        if wanted != self.page:
            self.page = wanted
            self.load()

    @on(RowTable.RowSelected, "#list")
    def _opened(self, event: RowTable.RowSelected) -> None:
        if event.row_key.value is not None:
            self.open(event.row_key.value)

    @abstractmethod
    def open(self, key: str) -> None:
        """Goes into the thing with this id."""
