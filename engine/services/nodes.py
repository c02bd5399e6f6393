"""Nodes of clusters."""

from __future__ import annotations

from engine.domain import permissions
from engine.domain.permissions import Permission, Principal
from engine.domain.statuses import NodeStatus
from engine.services import clusters
from engine.store import node_pages, records

SORTS = tuple(node_pages.ORDERS)


async def page(
    principal: Principal,
    cluster: str,
    *,
    status: NodeStatus | None = None,
    search: str | None = None,
    sort: str | None = None,
    page: int,
    page_size: int,
) -> tuple[list[records.Node], int]:
    """Nodes of a cluster as named or as sorted, and how many; raises NotFound."""
    permissions.require(principal, Permission.CLUSTER_READ)
    found = await clusters.find(cluster)
    return await node_pages.of_cluster(
        found.id, status=status, search=search, sort=sort, offset=(page - 1) * page_size, limit=page_size
    )
