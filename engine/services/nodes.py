"""Nodes of clusters."""

from __future__ import annotations

from engine.domain import permissions
from engine.domain.permissions import Permission, Principal
from engine.services import clusters
from engine.store import node_pages, records


async def page(
    principal: Principal, cluster: str, *, page: int, page_size: int
) -> tuple[list[records.Node], int]:
    """Nodes of a cluster in the order in which they were named, and how many; raises NotFound."""
    permissions.require(principal, Permission.CLUSTER_READ)
    found = await clusters.find(cluster)
    return await node_pages.of_cluster(found.id, offset=(page - 1) * page_size, limit=page_size)
