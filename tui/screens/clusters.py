"""All clusters."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text

from tui import messages, text, wire
from tui.nouns import Noun
from tui.screens.cluster import ClusterScreen
from tui.screens.listing import ListScreen
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
    EMPTY: ClassVar[str] = "No clusters yet. Create one through the API: POST /api/v1/clusters."

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

    def open(self, key: str) -> None:
        """Into the cluster."""
        self.app.post_message(messages.Open("clusters", key))


NOUN = Noun(
    name="clusters",
    what="all clusters",
    screen=ClustersScreen,
    detail=ClusterScreen,
    key="1",
    aliases=("cl", "cluster"),
    order=10,
)
