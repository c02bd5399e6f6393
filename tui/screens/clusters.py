"""All clusters."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import ClassVar

from rich.text import Text
from textual import work
from textual.binding import Binding, BindingType

from tui import messages, text, wire
from tui.nouns import Noun
from tui.screens.bulk import BulkScreen, ConfirmDeletions
from tui.screens.cluster import OPERATIONS, ClusterScreen
from tui.screens.dialogs import ConfirmDeletion, Deletion
from tui.screens.new_cluster import NewClusterScreen
from tui.widgets.row_table import Column, Row, RowTable

_COLUMNS = (
    Column("name", "NAME", 16, "name"),
    Column("status", "STATUS", 14, "status"),
    Column("version", "VERSION", 7, "kubernetes_version"),
    Column("nodes", "NODES", 5, "nodes"),
    Column("cni", "CNI", 7, "cni"),
    Column("age", "AGE", 6, "created_at"),
    Column("last", "LAST JOB", 11),
)
_TENANT = Column("tenant", "TENANT", 16)
_CHANGES = ("new", "provision", "plan", "verify", "delete")


def _called(cluster: wire.ClusterItem) -> str:
    return cluster.name


def last_job(job: wire.LastJob | None) -> Text:
    """The newest job as the sign of its state and its type."""
    if job is None:
        return Text("")
    shown = text.status(job.status, works=True)
    return Text(f"{shown.plain[:1]} {text.one_line(job.type)}", style=shown.style, no_wrap=True)


class ClustersScreen(BulkScreen[wire.ClusterItem]):
    """One line per cluster; enter opens it, keys act on the marked ones or on the one under the cursor."""

    LISTENS_TO: ClassVar[frozenset[str]] = frozenset({"clusters", "jobs"})
    HEADING: ClassVar[str] = "clusters"
    COLUMNS: ClassVar = _COLUMNS
    STATUSES: ClassVar = ("pending", "provisioning", "running", "failed", "deleted")
    SEARCHES: ClassVar[bool] = True
    EMPTY: ClassVar[str] = "No clusters yet. n creates one."
    LEAST: ClassVar[Mapping[str, str]] = dict.fromkeys(_CHANGES, "operator")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "new", "New", id="cluster.new", tooltip="Create a cluster, step by step"),
        Binding("p", "provision", "Provision", id="clusters.provision", tooltip="Queue provision jobs"),
        Binding("P", "plan", "Plan", id="clusters.plan", tooltip="Find out what provisioning would change"),
        Binding("v", "verify", "Verify", id="clusters.verify", tooltip="Find out what differs from the spec"),
        Binding("ctrl+d", "delete", "Delete", id="clusters.delete", tooltip="Deprovision or forget them"),
    ]

    async def fetch_page(self, page: int) -> tuple[int, int, list[wire.ClusterItem]]:
        """One page of clusters."""
        answer = await self.client.clusters(page, **self.wanted)
        return answer.total, answer.total_pages, answer.data

    def draw(self) -> None:
        """A tenant is told where there is more than one."""
        tenants = {thing.tenant.id for thing in self.things if thing.tenant}
        table = self.query_one(RowTable)
        if len(tenants) > 1 and not table.has_column(_TENANT.key):
            table.reshape((*_COLUMNS, _TENANT))
        super().draw()

    def row(self, thing: wire.ClusterItem) -> Row:
        """Name, status, version, nodes as control planes + workers, network, age, newest job."""
        topology = thing.topology
        cells: tuple[Text, ...] = (
            text.plain(thing.name),
            text.status(thing.status),
            text.plain(thing.kubernetes_version),
            Text(f"{topology.control_plane_count}+{topology.worker_count}"),
            text.plain(thing.components.cni),
            Text(text.span(thing.created_at, None)),
            last_job(thing.last_job),
        )
        if self.is_mounted and self.query_one(RowTable).has_column(_TENANT.key):
            cells = (*cells, text.plain(thing.tenant.slug if thing.tenant else ""))
        numbers = {
            "age": text.aware(thing.created_at).timestamp(),
            "nodes": topology.control_plane_count + topology.worker_count,
        }
        return Row(thing.id, cells, numbers)

    def action_new(self) -> None:
        """Into the wizard."""
        self.app.post_message(messages.Open("clusters", "new"))

    def open(self, key: str) -> None:
        """Into the cluster."""
        self.app.post_message(messages.Open("clusters", key))

    @work(exclusive=True, group="act")
    async def action_provision(self) -> None:
        """Queues a provision job each."""
        await self._start("Provision", self.client.provision)

    @work(exclusive=True, group="act")
    async def action_plan(self) -> None:
        """Queues a plan job each."""
        await self._start("Plan", self.client.plan)

    @work(exclusive=True, group="act")
    async def action_verify(self) -> None:
        """Queues a verify job each."""
        await self._start("Verify", self.client.verify)

    async def _start(self, verb: str, start: Callable[[str], Awaitable[wire.Accepted]]) -> None:
        clusters = self.targets()
        if len(clusters) == 1:
            with self.reporting():
                accepted = await start(clusters[0].id)
                self.say(accepted.message)
                noun = "jobs" if verb == "Provision" else "plans"
                self.app.post_message(messages.Open(noun, accepted.job_id))
            return

        async def one(cluster: wire.ClusterItem) -> str:
            return f"job {(await start(cluster.id)).job_id}"

        names = [cluster.name for cluster in clusters]
        if await self.agreed(verb, names, "Each gets a job of its own; a busy cluster queues it."):
            await self.act(verb, clusters, _called, one)

    @work(exclusive=True, group="act")
    async def action_delete(self) -> None:
        """Asks for the name, or for their number, then deletes."""
        clusters = self.targets()
        if not clusters:
            return
        choice = await self._choice(clusters)
        if choice is None:
            return

        async def one(cluster: wire.ClusterItem) -> str:
            deprovision = choice is Deletion.DEPROVISION
            deleted = await self.client.delete_cluster(cluster.id, deprovision=deprovision)
            return f"job {deleted.job_id}" if deleted.job_id else deleted.message

        await self.act("Delete", clusters, _called, one)

    async def _choice(self, clusters: list[wire.ClusterItem]) -> Deletion | None:
        if len(clusters) > 1:
            return await self.app.push_screen_wait(ConfirmDeletions([each.name for each in clusters]))
        one = clusters[0]
        with self.reporting():
            nodes = [node.name for node in (await self.client.nodes(one.id)).data]
            question = ConfirmDeletion(one.name, nodes, never_provisioned=one.status == "pending")
            return await self.app.push_screen_wait(question)
        return None


_ONE = "/api/v1/clusters/{cluster_id}"
NOUN = Noun(
    name="clusters",
    what="all clusters",
    screen=ClustersScreen,
    detail=ClusterScreen,
    create=NewClusterScreen,
    key="1",
    aliases=("cl", "cluster"),
    order=10,
    operations={
        **OPERATIONS,
        "clusters.provision": (f"POST {_ONE}/provision",),
        "clusters.plan": (f"POST {_ONE}/plan",),
        "clusters.verify": (f"POST {_ONE}/verify",),
        "clusters.delete": (f"DELETE {_ONE}",),
        "wizard.create": ("POST /api/v1/clusters",),
        "wizard.test": ("POST /api/v1/clusters/test-ssh",),
        "cluster.new": (
            "POST /api/v1/clusters",
            "GET /api/v1/catalogue",
            "GET /api/v1/templates",
            "GET /api/v1/templates/{template_id}/versions",
        ),
    },
)
