"""How hard a cluster is: settings, scores over time, what is not as the benchmarks have it, and all scans."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static, TabbedContent, TabPane

from tui import hardening_words, messages, text, wire
from tui.client import Client
from tui.nouns import Noun
from tui.screens.dialogs import Confirm, TypeName
from tui.screens.hardening_forms import ExceptionForm, SettingsForm, excepted
from tui.screens.hardening_items import ChooseItem
from tui.screens.resource import ResourceScreen
from tui.widgets.row_table import Column, Row, RowTable

_TABLES = {
    "exceptions": (Column("id", "ITEM", 22), Column("title", "TITLE", 30), Column("reason", "REASON", 80)),
    "adapted": (
        Column("id", "ITEM", 22),
        Column("by", "BY", 8),
        Column("disposition", "KEELYARD", 9),
        Column("level", "LEVEL", 5),
        Column("title", "TITLE", 60),
    ),
    "scans": (
        Column("made", "MADE", 16),
        Column("job", "JOB", 9),
        Column("score", "SCORE", 6),
        Column("change", "CHANGE", 6),
        Column("counts", "RESULTS", 60),
    ),
}
_TABS = ("overview", *_TABLES)
_EMPTY = {
    "exceptions": "This cluster has no exceptions of its own. a chooses an item and asks for the reason.",
    "adapted": "Every item is as the benchmarks have it.",
    "scans": "Nothing was scanned yet. v scans and changes nothing.",
}
_CHANGES = ("harden", "scan", "rotate", "settings", "add", "edit", "remove")
_OF_EXCEPTIONS = frozenset({"edit", "remove"})


class HardeningScreen(ResourceScreen):
    """One tab at a time. Enter on a scan opens its results."""

    REFRESH_SECONDS: ClassVar[float] = 20.0
    LISTENS_TO: ClassVar[frozenset[str]] = frozenset({"jobs"})
    LEAST: ClassVar[Mapping[str, str]] = dict.fromkeys(_CHANGES, "operator")
    DEFAULT_CSS = """
    HardeningScreen .why { height: 4; border-top: solid $panel; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("less_than_sign", "tab(-1)", "Tab back", id="tab.back", show=False, key_display="<"),
        Binding("greater_than_sign", "tab(1)", "Tab", id="tab.next", key_display=">", tooltip="Next tab"),
        Binding("p", "harden", "Harden", id="hardening.harden", tooltip="Apply what is switched on"),
        Binding("v", "scan", "Scan", id="hardening.scan", tooltip="Scan the nodes, change nothing"),
        Binding("c", "settings", "Settings", id="hardening.settings", tooltip="Switches and level"),
        Binding("a", "add", "Except", id="hardening.add", tooltip="Turn an item off here, and say why"),
        Binding("e", "edit", "Reason", id="hardening.edit", tooltip="Write the exception's reason anew"),
        Binding("ctrl+d", "remove", "Remove", id="hardening.remove", tooltip="Take the exception away"),
        Binding(
            "K",
            "rotate",
            "Key",
            id="hardening.rotate",
            tooltip="Encrypt the cluster's Secrets with a new key",
        ),
        Binding("o", "last", "Results", id="hardening.last", tooltip="What the last scan found"),
        Binding("left_square_bracket", "page(-1)", "Page back", id="page.back", show=False),
        Binding("right_square_bracket", "page(1)", "Next page", id="page.next", show=False),
        Binding("escape", "back", "Back", id="back", show=False),
    ]

    def __init__(self, client: Client, cluster_id: str) -> None:
        super().__init__(client)
        self._cluster_id = cluster_id
        self.name_of_cluster = ""
        self.settings: wire.ClusterHardening | None = None
        self.scans: list[wire.ReportLine] = []  # of the page in sight
        self._newest: list[wire.ReportLine] = []  # the first page
        self.tab = "overview"
        self.page = self.pages = 1
        self.total = 0

    # --- what is shown ---

    def body(self) -> ComposeResult:
        """The tabs."""
        with TabbedContent(initial="overview"):
            with TabPane("Overview", id="overview"), VerticalScroll(id="hardening-scroll"):
                yield Static("", id="hardening-text", markup=False)
            for name, columns in _TABLES.items():
                with TabPane(name.capitalize(), id=name):
                    yield RowTable(columns, id=f"{name}-table")
                    yield Static("", id=f"{name}-empty", classes="empty", markup=False)
                    if name != "scans":
                        yield Static("", id=f"{name}-why", classes="why", markup=False)

    def subject(self) -> object | None:
        """What the cursor is on, else the settings."""
        return self.settings if self.tab == "overview" else self._chosen()

    def _chosen(self) -> wire.ExceptionBody | wire.AdaptedItem | wire.ReportLine | None:
        if self.settings is None or self.tab not in _TABLES:
            return None
        things: list[wire.ExceptionBody] | list[wire.AdaptedItem] | list[wire.ReportLine] = self.scans
        if self.tab != "scans":
            things = self.settings.exceptions if self.tab == "exceptions" else self.settings.adapted
        key = self._table().selected
        return next((thing for thing in things if _key(thing) == key), None)

    @property
    def latest(self) -> wire.ReportLine | None:
        """The newest scan."""
        return self._newest[0] if self._newest else None

    def _table(self) -> RowTable:
        return self.query_one(f"#{self.tab}-table", RowTable)

    # --- reading ---

    def news(self, news: messages.News) -> None:
        """Jobs of other clusters do not matter here."""
        jobs = (self.client.live.jobs.get(job) for job in news.jobs)
        known = {self._cluster_id, self.settings.cluster_id if self.settings else ""}
        if news.everything or any(job is not None and job.cluster_id in known for job in jobs):
            super().news(news)

    async def fetch(self) -> None:
        """Settings and a page of scans; the cluster's name once."""
        settings, scans = await asyncio.gather(
            self.client.hardening(self._cluster_id),
            self.client.hardening_reports(self._cluster_id, self.page),
        )
        if not self.name_of_cluster:
            self.name_of_cluster = (await self.client.cluster(self._cluster_id)).name
        self.settings, self.scans = settings, scans.data
        self.pages, self.total = scans.total_pages, scans.total
        if self.page == 1:
            self._newest = scans.data

    def draw(self) -> None:
        """The tab in sight."""
        settings = self.settings
        if settings is None:
            return
        if self.tab == "overview":
            shown = hardening_words.overview(settings, self._newest)
            self.query_one("#hardening-text", Static).update(shown)
        else:
            rows = self._rows(settings)
            self._table().show(rows)
            empty = self.query_one(f"#{self.tab}-empty", Static)
            empty.update(f"\n  {_EMPTY[self.tab]}")
            empty.display, self._table().display = not rows, bool(rows)
            if self.focused is None or not self.focused.is_on_screen:
                self.rest()
            self._why()
        self._where()
        self.refresh_bindings()

    def _rows(self, settings: wire.ClusterHardening) -> list[Row]:
        if self.tab == "scans":
            return [_scan_row(place, self.scans) for place in range(len(self.scans))]
        if self.tab == "adapted":
            return [_adapted_row(item) for item in settings.adapted]
        titles = {item.id: item.title for item in settings.adapted}
        return [
            Row(each.id, (text.plain(each.id), text.plain(titles.get(each.id)), text.plain(each.reason)))
            for each in settings.exceptions
        ]

    def _where(self) -> None:
        assert self.settings is not None
        latest = self.latest
        told = f"score {hardening_words.score(latest.score)}" if latest else "never scanned"
        parts = [f"‹ hardening of {text.one_line(self.name_of_cluster)} · {told}"]
        if self.tab == "scans":
            parts.append(f"scans {self.total}")
            if self.pages > 1:
                parts.append(f"page {self.page}/{self.pages}  [ ] to turn")
        self.crumbs(" · ".join(parts))

    @on(RowTable.RowHighlighted)
    def _why(self) -> None:
        """The whole reason of what the cursor is on."""
        if self.tab in {"exceptions", "adapted"}:
            thing = self._chosen()
            reason = getattr(thing, "reason", "")
            self.query_one(f"#{self.tab}-why", Static).update(text.one_line(reason))

    def rest(self) -> None:
        """The keys go to the tab in sight."""
        if self.tab == "overview":
            self.query_one("#hardening-scroll").focus()
        else:
            self._table().focus()

    # --- going about ---

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only an exception has a reason to write anew."""
        if action in _OF_EXCEPTIONS and self.tab != "exceptions":
            return False
        return super().check_action(action, parameters)

    def action_tab(self, step: int) -> None:
        """To the next tab, round the end."""
        self.query_one(TabbedContent).active = _TABS[(_TABS.index(self.tab) + step) % len(_TABS)]

    @on(TabbedContent.TabActivated)
    def _tab_changed(self, event: TabbedContent.TabActivated) -> None:
        if event.pane.id is not None and event.pane.id != self.tab:
            self.tab = event.pane.id
            self.rest()
            self.draw()

    def action_page(self, step: int) -> None:
        """Turns the page of the scans."""
        wanted = min(max(1, self.page + step), max(1, self.pages))
        if self.tab == "scans" and wanted != self.page:
            self.page = wanted
            self.load()

    @on(RowTable.PastEnd)
    def _past_end(self, event: RowTable.PastEnd) -> None:
        self.action_page(event.step)

    @on(RowTable.RowSelected)
    def _opened(self) -> None:
        thing = self._chosen()
        if isinstance(thing, wire.ReportLine):
            self.app.post_message(messages.Open("hardening-reports", thing.id))
        elif thing is not None:
            self.app.post_message(messages.Read(thing))

    def action_last(self) -> None:
        """To the results of the last scan."""
        if (latest := self.latest) is not None:
            self.app.post_message(messages.Open("hardening-reports", latest.id))
        else:
            self.say("Nothing was scanned yet. v scans and changes nothing.", failed=True)

    # --- doing things ---

    @work(exclusive=True, group="act")
    async def action_harden(self) -> None:
        """Asks for the cluster's name, then queues the job that applies what is switched on."""
        if self.settings is None:
            self.say("The settings are still being read; try again in a moment.", failed=True)
            return
        told = f"On: {hardening_words.what_is_on(self.settings)}.\n{hardening_words.GUARDED}"
        name = self.name_of_cluster
        if await self.app.push_screen_wait(TypeName(f"Harden {name}", told, name)):
            with self.reporting():
                self._accepted(await self.client.harden(self._cluster_id))

    @work(exclusive=True, group="act")
    async def action_scan(self) -> None:
        """Queues a scan and opens it; it changes nothing."""
        with self.reporting():
            self._accepted(await self.client.scan(self._cluster_id))

    @work(exclusive=True, group="act")
    async def action_rotate(self) -> None:
        """Asks, then queues the job that changes the key."""
        question = f"Encrypt the Secrets of {self.name_of_cluster} with a new key?"
        if await self.app.push_screen_wait(Confirm(question, hardening_words.ROTATED)):
            with self.reporting():
                self._accepted(await self.client.rotate_encryption_key(self._cluster_id))

    def _accepted(self, accepted: wire.Accepted) -> None:
        self.say(accepted.message)
        self.app.post_message(messages.Open("jobs", accepted.job_id))

    @work(exclusive=True, group="act")
    async def action_settings(self) -> None:
        """The form of the switches."""
        if self.settings is not None:
            self._changed(await self.app.push_screen_wait(SettingsForm(self.client, self.settings)))

    @work(exclusive=True, group="act")
    async def action_add(self) -> None:
        """An item of the catalogue, then the reason."""
        item = await self.app.push_screen_wait(ChooseItem(self.client))
        if item is not None:
            await self._except(item.id, item.title)

    @work(exclusive=True, group="act")
    async def action_edit(self) -> None:
        """The reason of the exception under the cursor."""
        thing = self._chosen()
        if isinstance(thing, wire.ExceptionBody):
            await self._except(thing.id, "", thing.reason)

    async def _except(self, item_id: str, title: str, reason: str = "") -> None:
        form = ExceptionForm(self.client, self._cluster_id, item_id, title, reason)
        self._changed(await self.app.push_screen_wait(form))

    @work(exclusive=True, group="act")
    async def action_remove(self) -> None:
        """Asks, then takes the exception under the cursor away."""
        thing = self._chosen()
        if not isinstance(thing, wire.ExceptionBody):
            return
        told = "The next harden job applies the item again."
        if await self.app.push_screen_wait(Confirm(f"Take the exception {thing.id} away?", told)):
            with self.reporting():
                left = await excepted(self.client, self._cluster_id, {thing.id})
                self._changed(await self.client.change_hardening(self._cluster_id, {"exceptions": left}))

    def _changed(self, settings: wire.ClusterHardening | None) -> None:
        if settings is not None:
            self.settings = settings
            self.draw()
            self.say("Saved. It takes hold with the next harden job.")


def _key(thing: wire.ExceptionBody | wire.AdaptedItem | wire.ReportLine) -> str:
    return f"{thing.id} {thing.by}" if isinstance(thing, wire.AdaptedItem) else thing.id


def _adapted_row(item: wire.AdaptedItem) -> Row:
    cells = (
        text.plain(item.id),
        text.plain(item.by),
        text.plain(item.disposition),
        Text(str(item.level)),
        text.plain(item.title),
    )
    return Row(_key(item), cells)


def _scan_row(place: int, scans: list[wire.ReportLine]) -> Row:
    scan = scans[place]
    before = next((one.score for one in scans[place + 1 :] if one.score is not None), None)
    cells = (
        Text(hardening_words.at(scan)),
        text.plain(scan.job_type),
        Text(hardening_words.score(scan.score)),
        Text(hardening_words.change(before, scan.score)),
        Text(hardening_words.counted(scan.counts)),
    )
    return Row(scan.id, cells)


_ONE = "/api/v1/clusters/{cluster_id}"
_CHANGE = (f"PATCH {_ONE}/hardening",)
NOUN = Noun(
    name="hardening",
    what="settings, exceptions, scores and scans of a cluster",
    detail=HardeningScreen,
    of="clusters",
    order=26,
    operations={
        "": (f"GET {_ONE}/hardening", f"GET {_ONE}/hardening/reports", f"GET {_ONE}"),
        "hardening.harden": (f"POST {_ONE}/harden",),
        "hardening.scan": (f"POST {_ONE}/scan",),
        "hardening.rotate": (f"POST {_ONE}/rotate-encryption-key",),
        "hardening.settings": _CHANGE,
        "hardening.add": _CHANGE,
        "hardening.edit": _CHANGE,
        "hardening.remove": _CHANGE,
    },
)
