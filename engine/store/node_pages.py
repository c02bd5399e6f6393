"""Pages of a cluster's nodes."""

from __future__ import annotations

import uuid

from engine.domain.statuses import NodeStatus
from engine.store import records, rows

#: What a list can be sorted by.
ORDERS = {
    "name": "name",
    "role": "role",
    "ip_address": "ip_address::inet",
    "status": "status",
    "os_type": "os_type",
    "kubernetes_version": "kubernetes_version",
    "last_seen": "last_seen",
}


async def of_cluster(
    cluster_id: uuid.UUID,
    *,
    status: NodeStatus | None = None,
    search: str | None = None,
    sort: str | None = None,
    offset: int,
    limit: int,
) -> tuple[list[records.Node], int]:
    """Nodes in the order in which the operator named them or as sorted, and how many in all.

    `search` is part of a name or address; `sort` one of ORDERS, with "-" before it from the last on.
    """
    chosen = rows.Filter()
    chosen.add("cluster_id = {}", cluster_id)
    chosen.add("status = {}", status)
    chosen.add("position({} in lower(name || ' ' || ip_address)) > 0", rows.needle(search))
    named = "position, name"
    order = rows.order_by(sort, ORDERS, default=named, last=named)
    return await rows.page(records.Node, "node", chosen, order=order, offset=offset, limit=limit)
