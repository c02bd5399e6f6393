"""One cluster: what it is, what belongs to it, one tab each, and what can be done to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static, TabbedContent, TabPane

from tui import document, kubeconfigs, messages, text, wire
from tui.client import Client
from tui.screens.cluster_rows import (
    CONDITION_COLUMNS,
    EMPTY,
    NODE_COLUMNS,
    PLAN_COLUMNS,
    condition_row,
    node_row,
    overview,
    plan_row,
)
from tui.screens.dialogs import AskPath, ConfirmDeletion, Deletion
from tui.screens.jobs import JOB_COLUMNS, job_row
from tui.screens.resource import ResourceScreen
from tui.screens.schedules import SCHEDULE_COLUMNS, schedule_row
from tui.screens.template_form import FromCluster
from tui.widgets.filter_line import FilterLine
from tui.widgets.row_table import Column, Row, RowTable

_TABLES: dict[str, tuple[Column, ...]] = {
    "nodes": NODE_COLUMNS,
    "conditions": CONDITION_COLUMNS,
    "jobs": JOB_COLUMNS,
    "plans": PLAN_COLUMNS,
    "schedules": SCHEDULE_COLUMNS,
}
_TABS = ("overview", *_TABLES, "spec")
_CHANGES = ("provision", "plan", "verify", "delete", "kubeconfig", "copy_kubeconfig", "template")


class ClusterScreen(ResourceScreen):
    """One tab at a time is read. Enter on a job, plan or schedule opens it."""

    REFRESH_SECONDS: ClassVar[float] = 20.0  # two requests each time
    LISTENS_TO: ClassVar[frozenset[str]] = frozenset({"jobs", "clusters"})
    LEAST: ClassVar[Mapping[str, str]] = dict.fromkeys(_CHANGES, "operator")

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("less_than_sign", "tab(-1)", "Tab back", id="tab.back", show=False, key_display="<"),
        Binding("greater_than_sign", "tab(1)", "Tab", id="tab.next", key_display=">", tooltip="Next tab"),
        Binding("p", "provision", "Provision", id="cluster.provision", tooltip="Queue a provision job"),
        Binding("P", "plan", "Plan", id="cluster.plan", tooltip="Find out what provisioning would change"),
        Binding("v", "verify", "Verify", id="cluster.verify", tooltip="Find out what differs from the spec"),
        Binding(
            "o", "last_plan", "Last plan", id="cluster.last_plan", show=False, tooltip="Open the newest plan"
        ),
        Binding("h", "hardening", "Hardening", id="cluster.hardening", tooltip="Settings, scores and scans"),
        Binding("k", "kubeconfig", "Config", id="cluster.kubeconfig", tooltip="Save the kubeconfig"),
        Binding("K", "copy_kubeconfig", "Copy it", id="cluster.copy_kubeconfig", show=False),
        Binding(
            "m", "template", "Template", id="cluster.template", show=False, tooltip="Make a template of it"
        ),
        Binding(
            "ctrl+d", "delete", "Delete", id="cluster.delete", tooltip="Deprovision or forget the cluster"
        ),
        Binding("left_square_bracket", "page(-1)", "Page back", id="page.back", show=False),
        Binding("right_square_bracket", "page(1)", "Next page", id="page.next", show=False),
        Binding("s", "sort", "Sort", id="sort.next", show=False, tooltip="Sort by the next column"),
        Binding("S", "sort_reverse", "Sort back", id="sort.reverse", show=False, tooltip="Turn the order"),
        Binding("escape", "back", "Back", id="back", show=False),
    ]

    def __init__(self, client: Client, cluster_id: str) -> None:
        super().__init__(client)
        self._cluster_id = cluster_id
        self.cluster: wire.Cluster | None = None
        self.spec: wire.ClusterSpec | None = None
        self.tab = "overview"
        self.page = 1
        self.pages = 1
        self.total = 0
        self.sort = ""
        self.search = ""
        self.things: dict[str, object] = {}  # of the tab in sight, by key
        self._rows: list[Row] = []

    # --- what is shown ---

    def body(self) -> ComposeResult:
        """The tabs."""
        with TabbedContent(initial="overview"):
            with TabPane("Overview", id="overview"), VerticalScroll(id="overview-text"):
                yield Static("", id="summary-text", markup=False)
            for name, columns in _TABLES.items():
                with TabPane(name.capitalize(), id=name):
                    yield RowTable(columns, id=f"{name}-table")
                    yield Static("", id=f"{name}-empty", classes="empty", markup=False)
            with TabPane("Spec", id="spec"), VerticalScroll(id="spec-scroll"):
                yield Static("", id="spec-text", markup=False)

    def subject(self) -> object | None:
        """What the cursor is on in a tab with a table, the spec in its tab, else the cluster."""
        if self.tab in _TABLES:
            key = self._table().selected
            return None if key is None else self.things.get(key)
        return self.spec if self.tab == "spec" else self.cluster

    def _table(self) -> RowTable:
        return self.query_one(f"#{self.tab}-table", RowTable)

    # --- reading ---

    def news(self, news: messages.News) -> None:
        """What is told of other clusters does not matter here."""
        jobs = (self.client.live.jobs.get(job) for job in news.jobs)
        mine = any(job is not None and job.cluster_id == self._cluster_id for job in jobs)
        if news.everything or mine or self._cluster_id in news.clusters:
            super().news(news)

    async def fetch(self) -> None:
        """The cluster, and what the tab in sight shows of it."""
        tab = self.tab
        cluster, _ = await asyncio.gather(self.client.cluster(self._cluster_id), self._fetch_tab(tab))
        self.cluster = cluster
        if tab == "conditions":
            self._keep(1, len(cluster.conditions), cluster.conditions, condition_row)

    async def _fetch_tab(self, tab: str) -> None:
        key = self._cluster_id
        if tab == "nodes":
            asked = {"search": self.search, "sort": self.sort}
            nodes = await self.client.nodes(key, self.page, **{n: v for n, v in asked.items() if v})
            self._keep(nodes.total_pages, nodes.total, nodes.data, node_row)
        elif tab in {"jobs", "overview"}:
            jobs = await self.client.jobs(self.page, cluster_id=key)
            # a server that does not know the parameter answers with every cluster's jobs
            name = key if self.cluster is None else self.cluster.id
            own = [job for job in jobs.data if name in {job.cluster_id, job.cluster_name}]
            self._keep(jobs.total_pages, jobs.total, own, job_row)
        elif tab == "plans":
            plans = await self.client.plans(key, self.page)
            self._keep(plans.total_pages, plans.total, plans.data, plan_row)
        elif tab == "schedules":
            schedules = await self.client.schedules(self.page, cluster_id=key)
            self._keep(schedules.total_pages, schedules.total, schedules.data, schedule_row)
        elif tab == "spec":
            self.spec = await self.client.cluster_spec(key)

    def _keep[T](self, pages: int, total: int, things: list[T], row: Callable[[T], Row]) -> None:
        self.pages, self.total = pages, total
        self._rows = [row(thing) for thing in things]
        self.things = {each.key: thing for each, thing in zip(self._rows, things, strict=True)}

    def draw(self) -> None:
        """The tab in sight."""
        cluster = self.cluster
        if cluster is None:
            return
        if self.tab == "overview":
            jobs = [job for job in self.things.values() if isinstance(job, wire.Job)]
            self.query_one("#summary-text", Static).update(overview(cluster, jobs))
        elif self.tab == "spec" and self.spec is not None:
            self.query_one("#spec-text", Static).update(text.clean(document.as_yaml(self.spec)))
        elif self.tab in _TABLES:
            self._table().show(self._rows)
            empty = self.query_one(f"#{self.tab}-empty", Static)
            empty.update(f"\n  {EMPTY[self.tab]}" if not self._rows else "")
            empty.display = not self._rows
            self._table().display = bool(self._rows)
            if self.focused is None or not self.focused.is_on_screen:
                self.rest()
        self._where(cluster)

    def _where(self, cluster: wire.Cluster) -> None:
        parts = [f"‹ clusters ‹ {cluster.name} · {text.status(cluster.status).plain}"]
        if self.tab in _TABLES:
            parts.append(f"{self.tab} {self.total}")
            if self.pages > 1:
                parts.append(f"page {self.page}/{self.pages}  [ ] to turn")
        if self.search:
            parts.append(f'search "{self.search}"')
        self.crumbs(" · ".join(parts))

    def rest(self) -> None:
        """The keys go to the tab in sight."""
        if self.tab in _TABLES:
            self._table().focus()
        else:
            self.query_one(f"#{'overview-text' if self.tab == 'overview' else 'spec-scroll'}").focus()

    # --- going about ---

    def action_tab(self, step: int) -> None:
        """To the next tab, round the end."""
        tabs = self.query_one(TabbedContent)
        tabs.active = _TABS[(_TABS.index(tabs.active) + step) % len(_TABS)]

    @on(TabbedContent.TabActivated)
    def _tab_changed(self, event: TabbedContent.TabActivated) -> None:
        if event.pane.id is None or event.pane.id == self.tab:
            return
        self.tab, self.page, self.pages, self.search, self.sort = event.pane.id, 1, 1, "", ""
        self._rows, self.things = [], {}
        self.crumbs(f"◐ reading {self.tab} …")
        self.rest()
        self.load()

    def action_page(self, step: int) -> None:
        """Turns the page of the tab in sight."""
        wanted = min(max(1, self.page + step), max(1, self.pages))
        if wanted != self.page:
            self.page = wanted
            self.load()

    @on(RowTable.PastEnd)
    def _past_end(self, event: RowTable.PastEnd) -> None:
        if not self.query_one(FilterLine).value:
            self.action_page(event.step)

    def action_sort(self) -> None:
        """By the next column."""
        if self.tab in _TABLES:
            self._table().sort_next()

    def action_sort_reverse(self) -> None:
        """The other way round."""
        if self.tab in _TABLES:
            self._table().sort_reverse()

    @on(RowTable.Sorted)
    def _sorted(self, event: RowTable.Sorted) -> None:
        """Nodes over several pages are sorted by the server."""
        name = event.table.column(event.order.column).sort
        if self.tab == "nodes" and name and self.pages > 1:
            self.sort, self.page = f"-{name}" if event.order.reverse else name, 1
            event.table.sort_by(event.order.column, event.order.reverse, given=True)
            self.load()

    def filter_closed(self) -> None:
        """Nodes beyond the page are looked for by the server."""
        needle = self.query_one(FilterLine).value
        if self.tab == "nodes" and (self.pages > 1 or self.search) and needle != self.search:
            self.search, self.page = needle, 1
            self._table().narrow("")
            self.load()
        super().filter_closed()

    @on(RowTable.RowSelected)
    def _row_opened(self, event: RowTable.RowSelected) -> None:
        key = event.row_key.value
        thing = None if key is None else self.things.get(key)
        if isinstance(thing, wire.Job):
            self.app.post_message(messages.Open("jobs", thing.id))
        elif isinstance(thing, wire.PlanLine):
            self.app.post_message(messages.Open("plans", thing.job_id))
        elif isinstance(thing, wire.Schedule):
            self.app.post_message(messages.Open("schedules", thing.id))
        elif thing is not None:
            self.app.post_message(messages.Read(thing))

    # --- doing things ---

    @work(exclusive=True, group="act")
    async def action_provision(self) -> None:
        """Queues a provision job and opens it."""
        with self.reporting():
            self._accepted(await self.client.provision(self._cluster_id))

    @work(exclusive=True, group="act")
    async def action_plan(self) -> None:
        """Queues a plan job and waits for its plan on a screen of its own."""
        with self.reporting():
            accepted = await self.client.plan(self._cluster_id)
            self.app.post_message(messages.Open("plans", accepted.job_id))

    @work(exclusive=True, group="act")
    async def action_verify(self) -> None:
        """Queues a verify job and waits for what it finds."""
        with self.reporting():
            accepted = await self.client.verify(self._cluster_id)
            self.app.post_message(messages.Open("plans", accepted.job_id))

    @work(exclusive=True, group="act")
    async def action_last_plan(self) -> None:
        """Opens the newest plan or verification."""
        with self.reporting():
            found = (await self.client.plans(self._cluster_id)).data
            if found:
                self.app.post_message(messages.Open("plans", found[0].job_id))
            else:
                self.say("This cluster has no plan yet; P makes one.", failed=True)

    def action_hardening(self) -> None:
        """To its hardening."""
        self.app.post_message(messages.Open("hardening", self._cluster_id))

    @work(exclusive=True, group="act")
    async def action_template(self) -> None:
        """Asks for a name, and makes a template of what the cluster is."""
        if self.cluster is not None:
            made = await self.app.push_screen_wait(FromCluster(self.client, self.cluster.name))
            if made is not None:
                self.say(f"Template {made.name} is made.")

    @work(exclusive=True, group="act")
    async def action_delete(self) -> None:
        """Asks for the name, then deletes; a deprovision job is opened."""
        cluster = self.cluster
        if cluster is None:
            self.say("The cluster is still being read; try again in a moment.", failed=True)
            return
        with self.reporting():
            nodes = [node.name for node in (await self.client.nodes(self._cluster_id)).data]
            question = ConfirmDeletion(cluster.name, nodes, never_provisioned=cluster.status == "pending")
            choice = await self.app.push_screen_wait(question)
            if choice is None:
                return
            accepted = await self.client.delete_cluster(
                self._cluster_id, deprovision=choice is Deletion.DEPROVISION
            )
            self._accepted(accepted)
            if not accepted.job_id:
                self.app.post_message(messages.Go("clusters"))

    @work(exclusive=True, group="act")
    async def action_copy_kubeconfig(self) -> None:
        """Hands the kubeconfig to the terminal's clipboard."""
        with self.reporting():
            content = await self.client.kubeconfig(self._cluster_id)
            self.app.copy_to_clipboard(content)
            self.say("Copied the kubeconfig, where the terminal allows it. It is an administrator's.")

    @work(exclusive=True, group="act")
    async def action_kubeconfig(self) -> None:
        """Fetches the kubeconfig first, so that nobody chooses a path for nothing."""
        name = self.cluster.name if self.cluster else self._cluster_id
        with self.reporting():
            content = await self.client.kubeconfig(self._cluster_id)
            if self.app.is_web:
                self.deliver(Path(kubeconfigs.suggested_path(name)).name, content)
                return
            path = await self.app.push_screen_wait(
                AskPath(f"Save the kubeconfig of {name}", kubeconfigs.suggested_path(name))
            )
            if path is not None:
                await self._save(content, path)

    async def _save(self, content: str, path: str) -> None:
        try:
            saved = await asyncio.to_thread(kubeconfigs.save, content, path)
        except FileExistsError:
            self.say(f"{path} exists and was left as it is. Choose another name.", failed=True)
        except OSError as error:
            self.say(f"{path} cannot be written: {error.strerror}.", failed=True)
        else:
            self.say(f"Saved. Use it with: kubectl --kubeconfig {saved} get nodes")

    def _accepted(self, accepted: wire.Accepted | wire.Deleted) -> None:
        self.say(accepted.message)
        if accepted.job_id:
            self.app.post_message(messages.Open("jobs", accepted.job_id))


_ONE = "/api/v1/clusters/{cluster_id}"
#: What the keys of a cluster's screen ask of the API, and what its tabs read.
OPERATIONS = {
    "": (
        "GET /api/v1/clusters",
        f"GET {_ONE}",
        f"GET {_ONE}/nodes",
        f"GET {_ONE}/plans",
        f"GET {_ONE}/spec",
    ),
    "cluster.provision": (f"POST {_ONE}/provision",),
    "cluster.plan": (f"POST {_ONE}/plan",),
    "cluster.verify": (f"POST {_ONE}/verify",),
    "cluster.kubeconfig": (f"GET {_ONE}/kubeconfig",),
    "cluster.copy_kubeconfig": (f"GET {_ONE}/kubeconfig",),
    "cluster.template": ("POST /api/v1/templates",),
    "cluster.delete": (f"DELETE {_ONE}",),
}
