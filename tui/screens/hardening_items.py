"""The catalogue of benchmark items: what Keelyard does about each and why, and choosing one of them."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.timer import Timer
from textual.widgets import Input, Static

from tui import errors, messages, text, wire
from tui.client import Client
from tui.nouns import Noun
from tui.screens.dialogs import Dialog
from tui.screens.listing import ListScreen
from tui.widgets.row_table import Column, Row, RowTable

DISPOSITIONS = ("applied", "adapted", "reported", "omitted")
_PAUSE_SECONDS = 0.25  # of typing, before the server is asked
_SIGNS = {"applied": "●", "adapted": "~", "reported": "○", "omitted": "–"}
_COLUMNS = (
    Column("id", "ITEM", 22),
    Column("level", "LEVEL", 5),
    Column("disposition", "KEELYARD", 11),
    Column("title", "TITLE", 60),
)


def item_row(item: wire.CatalogueItem) -> Row:
    """An item as a line."""
    sign = _SIGNS.get(item.disposition, "?")
    cells = (
        text.plain(item.id),
        Text(str(item.level)),
        Text(f"{sign} {text.one_line(item.disposition)}", no_wrap=True),
        text.plain(item.title),
    )
    return Row(item.id, cells)


def _reasons(item: wire.CatalogueItem) -> list[str]:
    """Why an item is not as the benchmark has it, and where."""
    only = f"Only on {', '.join(item.only_on)}." if item.only_on else ""
    levels = "; ".join(f"level {level} on {system}" for system, level in item.levels.items())
    return [
        item.reason,
        only,
        f"{levels.capitalize()}." if levels else "",
        f"In a lab: {item.lab}" if item.lab else "",
    ]


class ItemsScreen(ListScreen[wire.CatalogueItem]):
    """Every item of both benchmarks; the reason of the one under the cursor is below."""

    HEADING: ClassVar[str] = "hardening items"
    STATUSES: ClassVar = DISPOSITIONS
    SEARCHES: ClassVar[bool] = True
    COLUMNS: ClassVar = _COLUMNS
    EMPTY: ClassVar[str] = "This server has no catalogue."
    REFRESH_SECONDS: ClassVar[float] = 600.0  # it changes with the version of the server
    DEFAULT_CSS = "ItemsScreen #why { height: 4; border-top: solid $panel; padding: 0 1; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("b", "benchmark", "Benchmark", id="item.benchmark", tooltip="Linux, Kubernetes, or both"),
    ]

    def __init__(self, client: Client) -> None:
        super().__init__(client)
        self.benchmark = ""

    def body(self) -> ComposeResult:
        """The table, and why."""
        yield from super().body()
        yield Static("", id="why", markup=False)

    def heading(self) -> str:
        """Of which benchmark."""
        return f"{self.benchmark} {self.HEADING}".strip()

    async def fetch_page(self, page: int) -> tuple[int, int, list[wire.CatalogueItem]]:
        """One page of the catalogue."""
        asked = {"disposition": self.status, "search": self.search, "benchmark": self.benchmark}
        where = {name: value for name, value in asked.items() if value}
        answer = await self.client.hardening_items(page, **where)
        return answer.total, answer.total_pages, answer.data

    def row(self, thing: wire.CatalogueItem) -> Row:
        """Id, level, what Keelyard does, title."""
        return item_row(thing)

    def draw(self) -> None:
        """The rows, and why."""
        super().draw()
        self._why()

    @on(RowTable.RowHighlighted, "#list")
    def _why(self) -> None:
        item = self.subject()
        lines = [] if item is None else _reasons(item)
        self.query_one("#why", Static).update("\n".join(text.one_line(line) for line in lines if line))

    def action_benchmark(self) -> None:
        """The next benchmark alone, then both again."""
        order = ("", "linux", "kubernetes")
        self.benchmark, self.page = order[(order.index(self.benchmark) + 1) % len(order)], 1
        self.load()

    def open(self, key: str) -> None:
        """All of it, in words."""
        if (item := self._thing(key)) is not None:
            self.app.post_message(messages.Read(item))


class ChooseItem(Dialog[wire.CatalogueItem]):
    """One item of the catalogue, found by typing: the server searches."""

    DEFAULT_CSS = "ChooseItem RowTable { height: 12; } ChooseItem #found { height: 1; margin: 0; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "to_items", "Items", show=False),
        Binding("left_square_bracket", "page(-1)", "Page back", show=False),
        Binding("right_square_bracket", "page(1)", "Next page", show=False),
    ]

    def __init__(self, client: Client) -> None:
        super().__init__()
        self.client = client
        self._page = self._pages = 1
        self._items: list[wire.CatalogueItem] = []
        self._pause: Timer | None = None

    def compose(self) -> ComposeResult:
        """The search, what it found, and how much."""
        with Vertical(classes="dialog"):
            yield Static(
                "Which item? Type to search, down goes to the list, enter takes one, esc leaves.",
                markup=False,
            )
            yield Input(id="item-search", placeholder="5.1, ssh, kubelet …", compact=True)
            yield RowTable(_COLUMNS, id="items")
            yield Static("◐ reading …", id="found", markup=False)

    def on_mount(self) -> None:
        """Everything, until something is typed."""
        self.query_one(Input).focus()
        self._read()

    @on(Input.Changed, "#item-search")
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if self._pause is not None:
            self._pause.stop()
        self.query_one(RowTable).narrow(event.value.strip())  # so that nothing else can be taken meanwhile
        self._page = 1
        self._pause = self.set_timer(_PAUSE_SECONDS, self._read)

    @work(exclusive=True, group="items")
    async def _read(self) -> None:
        needle = self.query_one(Input).value.strip()
        where = {"search": needle} if needle else {}
        try:
            answer = await self.client.hardening_items(self._page, **where)
        except errors.SessionEnded as ended:
            self.app.post_message(messages.SignInNeeded(str(ended)))
        except errors.ApiError as failed:
            self.query_one("#found", Static).update(f"✗ {text.one_line(str(failed))}")
        else:
            self._items, self._pages = answer.data, answer.total_pages
            table = self.query_one(RowTable)
            table.narrow("")  # the server finds more than what the cells say
            table.show([item_row(item) for item in answer.data])
            turned = f", page {self._page}/{self._pages}: [ ] in the list turns it" if self._pages > 1 else ""
            self.query_one("#found", Static).update(f"{answer.total} items{turned}")

    def action_page(self, step: int) -> None:
        """Turns the page."""
        wanted = min(max(1, self._page + step), max(1, self._pages))
        if wanted != self._page:
            self._page = wanted
            self._read()

    @on(RowTable.PastEnd)
    def _past_end(self, event: RowTable.PastEnd) -> None:
        if event.step < 0:
            self.query_one(Input).focus()
        else:
            self.action_page(1)

    @on(Input.Submitted)
    def action_to_items(self) -> None:
        """The keys go to the list."""
        self.query_one(RowTable).focus()

    @on(RowTable.RowSelected)
    def _chosen(self, event: RowTable.RowSelected) -> None:
        event.stop()
        found = next((item for item in self._items if item.id == event.row_key.value), None)
        if found is not None:
            self.dismiss(found)


NOUN = Noun(
    name="hardening-items",
    what="benchmark items, what is done about each and why",
    screen=ItemsScreen,
    order=28,
    operations={"": ("GET /api/v1/hardening/items",)},
)
