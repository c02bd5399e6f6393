"""Clusters as lists show them: no secrets, no conditions, one query for a page."""

from __future__ import annotations

import uuid
from datetime import datetime

import msgspec

from engine.domain.specs import Components, Topology
from engine.domain.statuses import ClusterStatus
from engine.store import database, rows


class Summary(msgspec.Struct, frozen=True, kw_only=True):
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


_COLUMNS = """
    id, name, description, status, kubernetes_version, spec->'topology' AS topology,
    spec->'components' AS components, created_at, updated_at"""


async def page(
    status: ClusterStatus | None, *, deleted_too: bool = False, offset: int, limit: int
) -> tuple[list[Summary], int]:
    """Clusters, newest first, and how many in all; without the deleted ones unless they are asked for."""
    chosen = rows.Filter()
    chosen.add("status = {}", status)
    if status is not ClusterStatus.DELETED and not deleted_too:
        chosen.always("deleted_at IS NULL")
    place = len(chosen.values)
    sql = f"""
        SELECT {_COLUMNS}, count(*) OVER () AS total FROM cluster{chosen.where}
        ORDER BY created_at DESC, id DESC OFFSET ${place + 1} LIMIT ${place + 2}"""
    found = await database.fetch(sql, *chosen.values, offset, limit)
    if found or not offset:
        return [msgspec.convert(row, Summary) for row in found], found[0]["total"] if found else 0
    counted = await database.fetch_one(f"SELECT count(*) AS n FROM cluster{chosen.where}", *chosen.values)
    return [], counted["n"] if counted else 0


async def counts() -> dict[str, int]:
    """How many clusters have each status."""
    found = await database.fetch("SELECT status, count(*) AS n FROM cluster GROUP BY status")
    return {row["status"]: row["n"] for row in found}
