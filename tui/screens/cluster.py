"""One cluster: its nodes, what was observed of it, its jobs, and what can be done to it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from tui import kubeconfigs, messages, text, wire
from tui.client import Client
from tui.screens.dialogs import AskPath, ConfirmDeletion, Deletion
from tui.screens.jobs import JOB_COLUMNS, job_row
from tui.screens.resource import ResourceScreen
from tui.widgets.row_table import Column, Row, RowTable

_NODE_COLUMNS = (
    Column("name", "NODE", 16),
    Column("role", "ROLE", 13),
    Column("address", "ADDRESS", 17),
    Column("status", "STATUS", 15),
    Column("version", "VERSION", 8),
    Column("os", "OS", 9),
    Column("seen", "LAST SEEN", 11),
)
_CONDITION_COLUMNS = (
    Column("type", "CONDITION", 22),
    Column("status", "STATUS", 9),
    Column("since", "SINCE", 11),
    Column("why", "WHY", 80),
)


class ClusterScreen(ResourceScreen):
    """Three tables: nodes, conditions, jobs. Enter on a job opens it."""

    LISTENS_TO: ClassVar[frozenset[str]] = frozenset({"jobs", "clusters"})
    REFRESH_SECONDS: ClassVar[float] = 20.0  # three requests each time

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "provision", "Provision", id="cluster.provision", tooltip="Queue a provision job"),
        Binding("n", "plan", "Plan", id="cluster.plan", tooltip="Find out what provisioning would change"),
        Binding("v", "verify", "Verify", id="cluster.verify", tooltip="Find out what differs from the spec"),
        Binding("o", "last_plan", "Last plan", id="cluster.last_plan", tooltip="Open the newest plan"),
        Binding("k", "kubeconfig", "Kubeconfig", id="cluster.kubeconfig", tooltip="Save the kubeconfig"),
        Binding(
            "ctrl+d", "delete", "Delete", id="cluster.delete", tooltip="Deprovision or forget the cluster"
        ),
        Binding("escape", "back", "Back", id="back"),
    ]

    def __init__(self, client: Client, cluster_id: str) -> None:
        super().__init__(client)
        self._cluster_id = cluster_id
        self.cluster: wire.Cluster | None = None
        self.nodes: list[wire.Node] = []
        self.jobs: list[wire.Job] = []

    def subject(self) -> object | None:
        """The node under the cursor while the nodes have the keys, else the cluster."""
        table = self.query_one("#nodes", RowTable)
        if self.focused is table:
            return next((node for node in self.nodes if node.id == table.selected), None)
        return self.cluster

    def body(self) -> ComposeResult:
        """Summary and tables."""
        yield Static("", id="summary", markup=False)
        yield RowTable(_NODE_COLUMNS, id="nodes")
        yield RowTable(_CONDITION_COLUMNS, id="conditions")
        yield RowTable(JOB_COLUMNS, id="jobs")

    def news(self, news: messages.News) -> None:
        """What is told of other clusters does not matter here."""
        jobs = (self.client.live.jobs.get(job) for job in news.jobs)
        mine = any(job is not None and job.cluster_id == self._cluster_id for job in jobs)
        if news.everything or mine or self._cluster_id in news.clusters:
            super().news(news)

    async def fetch(self) -> None:
        """The cluster, its nodes and its jobs, at once."""
        cluster, nodes, jobs = await asyncio.gather(
            self.client.cluster(self._cluster_id),
            self.client.nodes(self._cluster_id),
            self.client.jobs(cluster_id=self._cluster_id),
        )
        self.cluster, self.nodes = cluster, nodes.data
        # a server that does not know the parameter answers with every cluster's jobs
        self.jobs = [job for job in jobs.data if job.cluster_id == cluster.id]

    def draw(self) -> None:
        """Everything; a table without rows says so by its heading alone."""
        cluster = self.cluster
        if cluster is None:
            return
        self.crumbs(f"‹ clusters ‹ {cluster.name} · {text.status(cluster.status).plain}")
        parts = cluster.components
        topology = cluster.topology
        self.query_one("#summary", Static).update(
            f" Kubernetes {text.one_line(cluster.kubernetes_version)} · {text.one_line(parts.runtime)} · "
            f"cni {text.one_line(parts.cni)} · ingress {text.one_line(parts.ingress)} · "
            f"{topology.control_plane_count} control plane, {topology.worker_count} workers · "
            f"created {text.ago(cluster.created_at)}\n {text.one_line(cluster.description or '')}"
        )
        self.query_one("#nodes", RowTable).show([_node_row(node) for node in self.nodes])
        self.query_one("#conditions", RowTable).show(_condition_rows(cluster))
        self.query_one("#jobs", RowTable).show([job_row(job) for job in self.jobs])

    def rest(self) -> None:
        """Jobs are what one opens from here."""
        self.query_one("#jobs", RowTable).focus()

    def on_mount(self) -> None:
        """Starts with the keys on the jobs."""
        self.rest()

    @on(RowTable.RowSelected, "#jobs")
    def _job_opened(self, event: RowTable.RowSelected) -> None:
        if event.row_key.value is not None:
            self.app.post_message(messages.Open("jobs", event.row_key.value))

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
                self.say("This cluster has no plan yet; n makes one.", failed=True)

    @work(exclusive=True, group="act")
    async def action_delete(self) -> None:
        """Asks for the name, then deletes; a deprovision job is opened."""
        cluster = self.cluster
        if cluster is None:
            self.say("The cluster is still being read; try again in a moment.", failed=True)
            return
        question = ConfirmDeletion(
            cluster.name, [node.name for node in self.nodes], never_provisioned=cluster.status == "pending"
        )
        choice = await self.app.push_screen_wait(question)
        if choice is None:
            return
        with self.reporting():
            accepted = await self.client.delete_cluster(
                self._cluster_id, deprovision=choice is Deletion.DEPROVISION
            )
            self._accepted(accepted)
            if not accepted.job_id:
                self.app.post_message(messages.Go("clusters"))

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
            if path is None:
                return
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


def _node_row(node: wire.Node) -> Row:
    address = node.ip_address if node.ssh_port == 22 else f"{node.ip_address}:{node.ssh_port}"
    cells = (
        text.plain(node.name),
        text.plain(node.role),
        text.plain(address),
        text.status(node.status),
        text.plain(node.kubernetes_version),
        text.plain(node.os_type),
        Text(text.ago(node.last_seen)),
    )
    return Row(node.id, cells)


def _condition_rows(cluster: wire.Cluster) -> list[Row]:
    rows = []
    for condition in cluster.conditions:
        why = f"{condition.reason}: {condition.message}" if condition.message else condition.reason
        cells = (
            text.plain(condition.type),
            text.status(condition.status),
            Text(text.ago(condition.last_transition_time)),
            text.plain(why),
        )
        rows.append(Row(condition.type, cells))
    return rows
