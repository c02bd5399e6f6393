"""Clusters as lists show them: no secrets, no conditions, one query for a page."""

from __future__ import annotations

import uuid
from datetime import datetime

import msgspec

from engine.domain.specs import Components, Topology
from engine.domain.statuses import ClusterStatus, JobStatus, JobType
from engine.store import database, rows


class TenantName(msgspec.Struct, frozen=True, kw_only=True):
    """Whose a thing is."""

    id: uuid.UUID
    slug: str
    name: str


class LatestJob(msgspec.Struct, frozen=True, kw_only=True):
    """The newest job of a cluster."""

    id: uuid.UUID
    type: JobType
    status: JobStatus
    created_at: datetime


class Around(msgspec.Struct, frozen=True, kw_only=True):
    """What a cluster belongs to, and what was last asked of it."""

    tenant: TenantName
    last_job: LatestJob | None


class Summary(Around, frozen=True, kw_only=True):
    """What a list tells about a cluster."""

    id: uuid.UUID
    name: str
    description: str
    status: ClusterStatus
    kubernetes_version: str
    topology: Topology
    components: Components
    created_at: datetime
    updated_at: datetime


#: What a list can be sorted by.
ORDERS = {
    "name": "name",
    "status": "status",
    "kubernetes_version": "string_to_array(kubernetes_version, '.')::int[]",
    "nodes": "(spec->'topology'->>'control_plane_count')::int + (spec->'topology'->>'worker_count')::int",
    "cni": "spec->'components'->>'cni'",
    "created_at": "created_at",
    "updated_at": "updated_at",
}
_COLUMNS = """
    id, tenant_id, name, description, status, kubernetes_version, spec->'topology' AS topology,
    spec->'components' AS components, created_at, updated_at"""
TENANT = "jsonb_build_object('id', tenant.id, 'slug', tenant.slug, 'name', tenant.name) AS tenant"
_LAST_JOB = """(
    SELECT jsonb_build_object(
        'id', job.id, 'type', job.type, 'status', job.status, 'created_at', job.created_at)
    FROM job WHERE job.cluster_id = {cluster} ORDER BY job.created_at DESC LIMIT 1) AS last_job"""


async def page(
    status: ClusterStatus | None,
    *,
    deleted_too: bool = False,
    search: str | None = None,
    sort: str | None = None,
    offset: int,
    limit: int,
) -> tuple[list[Summary], int]:
    """Clusters, newest first or as sorted, and how many; without the deleted ones unless they are asked for.

    `search` is part of a name or description, `sort` one of ORDERS, with "-" before it from the last on.
    """
    chosen = rows.Filter()
    chosen.add("status = {}", status)
    chosen.add("position({} in lower(name || ' ' || description)) > 0", rows.needle(search))
    if status is not ClusterStatus.DELETED and not deleted_too:
        chosen.always("deleted_at IS NULL")
    place = len(chosen.values)
    newest = "created_at DESC, id DESC"
    order = rows.order_by(sort, ORDERS, default=newest, last=newest)
    # The page is chosen first: jobs and tenants of the clusters before it are not looked at.
    sql = f"""
        SELECT page.*, {TENANT}, {_LAST_JOB.format(cluster="page.id")} FROM (
            SELECT {_COLUMNS}, count(*) OVER () AS total, row_number() OVER (ORDER BY {order}) AS place
            FROM cluster{chosen.where} ORDER BY place OFFSET ${place + 1} LIMIT ${place + 2}) AS page
        JOIN tenant ON tenant.id = page.tenant_id ORDER BY page.place"""
    found = await database.fetch(sql, *chosen.values, offset, limit)
    if found or not offset:
        return [msgspec.convert(row, Summary) for row in found], found[0]["total"] if found else 0
    counted = await database.fetch_one(f"SELECT count(*) AS n FROM cluster{chosen.where}", *chosen.values)
    return [], counted["n"] if counted else 0


async def around(cluster_id: uuid.UUID) -> Around | None:
    """The tenant of a cluster, and its newest job."""
    sql = f"""
        SELECT {TENANT}, {_LAST_JOB.format(cluster="cluster.id")}
        FROM cluster JOIN tenant ON tenant.id = cluster.tenant_id WHERE cluster.id = $1"""
    return await rows.one(Around, sql, cluster_id)


async def counts() -> dict[str, int]:
    """How many clusters have each status."""
    found = await database.fetch("SELECT status, count(*) AS n FROM cluster GROUP BY status")
    return {row["status"]: row["n"] for row in found}
