"""Pages of a cluster's nodes."""

from __future__ import annotations

import uuid

from engine.store import records, rows


async def of_cluster(cluster_id: uuid.UUID, *, offset: int, limit: int) -> tuple[list[records.Node], int]:
    """Nodes in the order in which the operator named them, and how many in all."""
    chosen = rows.Filter()
    chosen.add("cluster_id = {}", cluster_id)
    return await rows.page(records.Node, "node", chosen, order="position, name", offset=offset, limit=limit)
