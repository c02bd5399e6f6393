"""Rows of nodes."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import msgspec

from engine.domain.statuses import NodeStatus
from engine.store import database, records, rows


class Occupied(msgspec.Struct, frozen=True):
    """An address that a node of an undeleted cluster has."""

    ip_address: str
    ssh_port: int
    node_name: str
    cluster_id: uuid.UUID
    cluster_name: str


async def add_many(nodes: Sequence[records.Node]) -> None:
    """Write the nodes of a new cluster."""
    await rows.insert_many("node", nodes)


async def of_cluster(cluster_id: uuid.UUID) -> list[records.Node]:
    """Nodes of a cluster in the order in which the operator named them."""
    return await rows.many(
        records.Node, "SELECT * FROM node WHERE cluster_id = $1 ORDER BY position, name", cluster_id
    )


async def occupied(addresses: Sequence[str]) -> list[Occupied]:
    """Which of the addresses belong to nodes of undeleted clusters."""
    sql = """
        SELECT node.ip_address, node.ssh_port, node.name AS node_name, cluster.id AS cluster_id,
               cluster.name AS cluster_name
        FROM node JOIN cluster ON cluster.id = node.cluster_id
        WHERE node.ip_address = ANY($1) AND cluster.deleted_at IS NULL AND node.status <> 'removed'"""
    return await rows.many(Occupied, sql, list(addresses))


async def update(node_id: uuid.UUID, **values: Any) -> None:
    """Set columns of a node."""
    await rows.update("node", node_id, **values)


async def set_status(cluster_id: uuid.UUID, status: NodeStatus) -> None:
    """Set the status of every node of a cluster."""
    await database.fetch("UPDATE node SET status = $2 WHERE cluster_id = $1", cluster_id, status)


async def counts(cluster_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, int]:
    """How many nodes each cluster has."""
    sql = "SELECT cluster_id, count(*) AS n FROM node WHERE cluster_id = ANY($1) GROUP BY cluster_id"
    return {row["cluster_id"]: row["n"] for row in await database.fetch(sql, list(cluster_ids))}
