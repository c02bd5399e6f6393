"""Rows of clusters."""

from __future__ import annotations

import uuid
from typing import Any

from engine.domain.specs import ClusterSpec, NodeSpec
from engine.domain.statuses import ClusterStatus
from engine.store import hardening_reports, nodes, records, rows, ssh_credentials


async def add(cluster: records.Cluster) -> None:
    """Write a new cluster; asyncpg.UniqueViolationError (`cluster_name_unique`) when the name is taken."""
    await rows.insert("cluster", cluster)


async def get(cluster_id: uuid.UUID, *, lock: bool = False) -> records.Cluster | None:
    """The cluster with this id, deleted ones included; locked until the transaction ends if asked."""
    sql = "SELECT * FROM cluster WHERE id = $1" + (" FOR UPDATE" if lock else "")
    return await rows.one(records.Cluster, sql, cluster_id)


async def by_name(name: str, tenant_id: uuid.UUID = records.DEFAULT_TENANT) -> records.Cluster | None:
    """The undeleted cluster of this name in a tenant."""
    sql = "SELECT * FROM cluster WHERE tenant_id = $1 AND name = $2 AND deleted_at IS NULL"
    return await rows.one(records.Cluster, sql, tenant_id, name)


async def named(name: str) -> list[records.Cluster]:
    """The undeleted clusters of this name: one in each tenant at most."""
    sql = "SELECT * FROM cluster WHERE name = $1 AND deleted_at IS NULL ORDER BY created_at, id"
    return await rows.many(records.Cluster, sql, name)


async def page(
    *,
    status: ClusterStatus | None = None,
    deleted: bool | None = False,
    offset: int = 0,
    limit: int = 20,
) -> tuple[list[records.Cluster], int]:
    """Clusters, newest first, and how many in all; `deleted`: False without, True only, None both."""
    chosen = rows.Filter()
    chosen.add("status = {}", status)
    if deleted is not None:
        chosen.always("deleted_at IS NOT NULL" if deleted else "deleted_at IS NULL")
    return await rows.page(
        records.Cluster, "cluster", chosen, order="created_at DESC, id DESC", offset=offset, limit=limit
    )


async def update(cluster_id: uuid.UUID, **values: Any) -> None:
    """Set columns; `updated_at` follows."""
    await rows.update("cluster", cluster_id, **values, updated_at=records.now())


async def mark_deleted(cluster_id: uuid.UUID) -> None:
    """Soft-delete: its name is free again, its kubeconfig is gone, and what was found out about its nodes."""
    await hardening_reports.forget(cluster_id)
    await update(
        cluster_id,
        status=ClusterStatus.DELETED,
        deleted_at=records.now(),
        kubeconfig_encrypted=None,
        conditions=[],
    )


async def spec(cluster: records.Cluster) -> ClusterSpec:
    """Everything a run needs to know about a cluster but its secrets."""
    credential = await ssh_credentials.of_cluster(cluster.id)
    return ClusterSpec(
        id=str(cluster.id),
        name=cluster.name,
        topology=cluster.spec.topology,
        components=cluster.spec.components,
        hardening=cluster.spec.hardening,
        networking=cluster.spec.networking,
        lab=cluster.spec.lab,
        username=credential.username if credential else "",
        nodes=tuple(_node_spec(node) for node in await nodes.of_cluster(cluster.id)),
    )


def _node_spec(node: records.Node) -> NodeSpec:
    return NodeSpec(
        name=node.name,
        role=node.role,
        ip_address=node.ip_address,
        os_type=node.os_type,
        ssh_port=node.ssh_port,
        machine_id=node.machine_id,
        host_keys=tuple(node.host_keys),
    )
