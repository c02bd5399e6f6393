"""What changed from one scan to a later one."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from tui import hardening_words, messages, text, wire
from tui.client import Client
from tui.screens.dialogs import Choose
from tui.screens.listing import ListScreen
from tui.widgets.row_table import Column, Row


class DiffScreen(ListScreen[wire.HardeningDiffLine]):
    """One line per result that is not what it was, in the server's order: what broke comes first."""

    HEADING: ClassVar[str] = "changes"
    COLUMNS: ClassVar = (
        Column("became", "CHANGE", 12),
        Column("before", "WAS", 14),
        Column("after", "IS", 14),
        Column("host", "NODE", 12),
        Column("scanner", "SCANNER", 10),
        Column("item", "ITEM", 20),
        Column("title", "TITLE", 60),
    )
    EMPTY: ClassVar[str] = "Every result is what it was."
    REFRESH_SECONDS: ClassVar[float] = 600.0  # reports stay what they are
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("b", "against", "Against", id="diff.against", tooltip="Hold it against another scan"),
        Binding("escape", "back", "Back", id="back"),
    ]

    def __init__(self, client: Client, report_id: str) -> None:
        super().__init__(client)
        self._report_id = report_id
        self._against = ""
        self.diff: wire.HardeningDiff | None = None

    def body(self) -> ComposeResult:
        """Both scores, and the lines."""
        yield Static("", id="summary", markup=False)
        yield from super().body()

    def heading(self) -> str:
        """Where one is."""
        return "‹ diff · changes"

    async def fetch_page(self, page: int) -> tuple[int, int, list[wire.HardeningDiffLine]]:
        """All of it at once."""
        self.diff = await self.client.hardening_diff(self._report_id, self._against)
        return len(self.diff.lines), 1, self.diff.lines

    def draw(self) -> None:
        """Both scans, then the lines."""
        if self.diff is not None:
            before, after = self.diff.before, self.diff.after
            self.query_one("#summary", Static).update(
                Text(
                    f" {_told(before)}\n {_told(after)}  {hardening_words.change(before.score, after.score)}",
                    no_wrap=True,
                )
            )
        super().draw()

    def row(self, thing: wire.HardeningDiffLine) -> Row:
        """What became of it, both outcomes, whose result it is."""
        cells = (
            hardening_words.became(thing),
            text.plain(thing.before or "–"),
            text.plain(thing.after or "–"),
            text.plain(thing.host),
            text.plain(thing.scanner),
            text.plain(thing.item or thing.rule),
            text.plain(thing.title),
        )
        return Row("\0".join((thing.host, thing.scanner, thing.rule)), cells)

    def open(self, key: str) -> None:
        """All of it, in words."""
        if (line := self._thing(key)) is not None:
            self.app.post_message(messages.Read(line))

    @work(exclusive=True, group="act")
    async def action_against(self) -> None:
        """Another earlier scan of the same cluster."""
        if self.diff is None:
            return
        after = self.diff.after
        with self.reporting():
            found = (await self.client.hardening_reports(after.cluster_id)).data
            earlier = [one for one in found if one.created_at < after.created_at]
            if not earlier:
                self.say("There is no earlier scan.", failed=True)
                return
            chosen = await self.app.push_screen_wait(Choose("Against", [_told(one) for one in earlier]))
            if chosen is not None:
                self._against = earlier[chosen].id
                self.load()


def _told(scan: wire.ReportLine) -> str:
    score, counts = hardening_words.score(scan.score), hardening_words.counted(scan.counts)
    return f"{hardening_words.at(scan)}  {text.one_line(scan.job_type):<9} score {score:>5}  {counts}"
