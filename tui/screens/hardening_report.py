"""One scan: every result of every scanner, narrowed by the server; exported, and held against another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from tui import hardening_words, messages, text, wire
from tui.client import Client
from tui.nouns import Noun
from tui.screens import saving
from tui.screens.dialogs import Choose
from tui.screens.hardening_diff import DiffScreen
from tui.screens.hardening_forms import ExceptionForm
from tui.screens.listing import ListScreen
from tui.widgets.row_table import Column, Row, RowTable

_FORMS = (
    ("json", "JSON: everything, for programs"),
    ("html", "HTML: a page to read or print"),
    ("sarif", "SARIF: for tools that collect findings"),
)


class ReportScreen(ListScreen[wire.HardeningResult]):
    """Figures above, results in the middle; evidence and remedy of the one under the cursor below."""

    HEADING: ClassVar[str] = "results"
    STATUSES: ClassVar = hardening_words.OUTCOMES
    SEARCHES: ClassVar[bool] = True
    REFRESH_SECONDS: ClassVar[float] = 300.0  # a report stays what it is
    LEAST: ClassVar[Mapping[str, str]] = {"except": "operator"}
    COLUMNS: ClassVar = (
        Column("outcome", "OUTCOME", 16),
        Column("host", "NODE", 12),
        Column("scanner", "SCANNER", 10),
        Column("item", "ITEM", 20),
        Column("title", "TITLE", 70),
    )
    EMPTY: ClassVar[str] = "The scanners said nothing. The figures above say which did not run."
    DEFAULT_CSS = """
    ReportScreen #figures { height: auto; max-height: 8; }
    ReportScreen #list { height: 3fr; min-height: 3; }
    ReportScreen #result-scroll { height: 2fr; border-top: solid $panel; padding: 0 1; }
    ReportScreen #result { height: auto; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("h", "host", "Node", id="report.host", tooltip="Results of one node alone"),
        Binding("c", "scanner", "Scanner", id="report.scanner", tooltip="Results of the next scanner alone"),
        Binding("a", "except", "Except", id="report.except", tooltip="Turn this item off here, and say why"),
        Binding("D", "diff", "Diff", id="report.diff", tooltip="What changed since the scan before"),
        Binding("x", "save", "Export", id="report.export", tooltip="Save it all as JSON, HTML or SARIF"),
        Binding("A", "artifacts", "Raw", id="report.artifacts", tooltip="What the scanners wrote themselves"),
        Binding("j", "job", "Job", id="report.job", show=False, tooltip="The job that scanned"),
        Binding("escape", "back", "Back", id="back", show=False),
    ]

    def __init__(self, client: Client, report_id: str) -> None:
        super().__init__(client)
        self._report_id = report_id
        self.report: wire.Report | None = None
        self.host = self.scanner = ""

    def body(self) -> ComposeResult:
        """Figures, results, one of them in full."""
        yield Static("", id="figures", markup=False)
        yield from super().body()
        with VerticalScroll(id="result-scroll"):
            yield Static("", id="result", markup=False)

    def heading(self) -> str:
        """Which scan, and what it is narrowed to."""
        if self.report is None:
            return "‹ hardening ‹ scan"
        parts = [f"‹ hardening ‹ {text.one_line(self.report.job_type)} {hardening_words.at(self.report)}"]
        parts += [text.one_line(each) for each in (self.host, self.scanner) if each]
        return " · ".join([*parts, self.HEADING])

    async def fetch_page(self, page: int) -> tuple[int, int, list[wire.HardeningResult]]:
        """The report once, and a page of its results."""
        if self.report is None:
            self.report = await self.client.hardening_report(self._report_id)
        asked = {
            "outcome": self.status,
            "search": self.search,
            "host": self.host,
            "scanner": self.scanner,
        }
        where = {name: value for name, value in asked.items() if value}
        answer = await self.client.hardening_results(self._report_id, page, **where)
        return answer.total, answer.total_pages, answer.data

    def draw(self) -> None:
        """Everything."""
        if self.report is not None:
            figures = hardening_words.scanners(self.report)
            figures.rstrip()
            self.query_one("#figures", Static).update(figures)
        super().draw()
        self._show_result()

    def _empty(self) -> str:
        if self.report is not None and not self.report.kept:
            return "Of this scan only the figures are kept; newer ones have their results."
        return super()._empty()

    def row(self, thing: wire.HardeningResult) -> Row:
        """Outcome, node, scanner, item, title."""
        cells = (
            text.status(thing.outcome),
            text.plain(thing.host),
            text.plain(thing.scanner),
            text.plain(thing.item or thing.rule),
            text.plain(thing.title),
        )
        return Row("\0".join((thing.host, thing.scanner, thing.rule)), cells)

    @on(RowTable.RowHighlighted, "#list")
    def _show_result(self) -> None:
        result = self.subject()
        shown = Text() if result is None else hardening_words.detail(result)
        self.query_one("#result", Static).update(shown)
        self.query_one("#result-scroll", VerticalScroll).scroll_home(animate=False)

    def open(self, key: str) -> None:
        """All of it, in words."""
        if (result := self._thing(key)) is not None:
            self.app.post_message(messages.Read(result))

    # --- narrowed ---

    @work(exclusive=True, group="act")
    async def action_host(self) -> None:
        """One node, or all again."""
        if self.report is None:
            return
        hosts = sorted({each.host for each in self.report.hosts})
        chosen = await self.app.push_screen_wait(Choose("Results of", ["all nodes", *hosts]))
        if chosen is not None:
            self.host, self.page = hosts[chosen - 1] if chosen else "", 1
            self.load()

    def action_scanner(self) -> None:
        """The next scanner alone, then all again."""
        if self.report is not None:
            order = ["", *(each.scanner for each in self.report.scanners)]
            at = order.index(self.scanner) if self.scanner in order else 0
            self.scanner, self.page = order[(at + 1) % len(order)], 1
            self.load()

    # --- going on ---

    def action_job(self) -> None:
        """Into the job."""
        if self.report is not None:
            self.app.post_message(messages.Open("jobs", self.report.job_id))

    def action_artifacts(self) -> None:
        """The scanners' raw reports."""
        if self.report is not None:
            self.app.post_message(messages.Open("artifacts", self.report.job_id))

    def action_diff(self) -> None:
        """Against the scan before."""
        self.app.push_screen(DiffScreen(self.client, self._report_id))

    @work(exclusive=True, group="act")
    async def action_save(self) -> None:
        """Asks for the form and the file."""
        if (report := self.report) is None:
            return
        chosen = await self.app.push_screen_wait(Choose("Export as", [words for _, words in _FORMS]))
        if chosen is None:
            return
        form = _FORMS[chosen][0]
        name = f"{report.job_type}-{text.aware(report.created_at):%Y%m%d-%H%M}.{form}"
        with self.reporting():
            pieces = self.client.hardening_export(self._report_id, form)
            await saving.save(self, pieces, "Export the scan", name)

    @work(exclusive=True, group="act")
    async def action_except(self) -> None:
        """The form of an exception, for the item under the cursor."""
        result, report = self.subject(), self.report
        if result is None or report is None:
            return
        if not result.item:
            self.say("No item of the catalogue stands behind this result.", failed=True)
            return
        own = result.reason if result.by == "cluster" else ""  # others' reasons are not this owner's
        form = ExceptionForm(self.client, report.cluster_id, result.item, result.title, own)
        if await self.app.push_screen_wait(form) is not None:
            self.say("Saved. It takes hold with the next harden job, and counts from the next scan on.")


_ONE = "/api/v1/hardening/reports/{report_id}"
NOUN = Noun(
    name="hardening-reports",
    what="one scan of a cluster, result by result",
    detail=ReportScreen,
    order=26,
    operations={
        "": (f"GET {_ONE}", f"GET {_ONE}/results"),
        "report.except": ("PATCH /api/v1/clusters/{cluster_id}/hardening",),
        "report.diff": (f"GET {_ONE}/diff",),
        "report.export": (f"GET {_ONE}/export",),
    },
)
