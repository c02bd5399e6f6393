"""All clusters."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType

from tui import messages, text, wire
from tui.nouns import Noun
from tui.screens.cluster import ClusterScreen
from tui.screens.listing import ListScreen
from tui.screens.new_cluster import NewClusterScreen
from tui.widgets.row_table import Column, Row


class ClustersScreen(ListScreen[wire.ClusterItem]):
    """One line per cluster; enter opens it."""

    LISTENS_TO: ClassVar[frozenset[str]] = frozenset({"clusters"})
    HEADING: ClassVar[str] = "clusters"
    COLUMNS: ClassVar = (
        Column("name", "NAME", 24),
        Column("status", "STATUS", 15),
        Column("version", "VERSION", 9),
        Column("nodes", "NODES", 8),
        Column("cni", "CNI", 8),
    )
    EMPTY: ClassVar[str] = "No clusters yet. n creates one."
    LEAST: ClassVar = {"new": "operator"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "new", "New", id="cluster.new", tooltip="Create a cluster, step by step")
    ]

    async def fetch_page(self, page: int) -> tuple[int, int, list[wire.ClusterItem]]:
        """One page of clusters."""
        answer = await self.client.clusters(page)
        return answer.total, answer.total_pages, answer.data

    def row(self, thing: wire.ClusterItem) -> Row:
        """Name, status, version, nodes as control planes + workers, network."""
        topology = thing.topology
        return Row(
            thing.id,
            (
                text.plain(thing.name),
                text.status(thing.status),
                text.plain(thing.kubernetes_version),
                Text(f"{topology.control_plane_count}+{topology.worker_count}"),
                text.plain(thing.components.cni),
            ),
        )

    def action_new(self) -> None:
        """Into the wizard."""
        self.app.post_message(messages.Open("clusters", "new"))

    def open(self, key: str) -> None:
        """Into the cluster."""
        self.app.post_message(messages.Open("clusters", key))


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
        "wizard.create": ("POST /api/v1/clusters",),
        "wizard.test": ("POST /api/v1/clusters/test-ssh",),
        "cluster.new": (
            "GET /api/v1/catalogue",
            "GET /api/v1/templates",
            "GET /api/v1/templates/{template_id}/versions",
        ),
    },
)
