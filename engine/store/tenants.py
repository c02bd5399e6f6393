"""Rows of tenants."""

from __future__ import annotations

import uuid
from typing import Any

from engine.store import database, records, rows

_UNDELETED = "deleted_at IS NULL"


async def add(tenant: records.Tenant) -> None:
    """Write a tenant; asyncpg.UniqueViolationError (`tenant_slug_unique`, `tenant_name_unique`)."""
    await rows.insert("tenant", tenant)


async def get(reference: str | uuid.UUID, *, lock: bool = False) -> records.Tenant | None:
    """The undeleted tenant of this id or slug; locked until the transaction ends if asked."""
    column = "id" if isinstance(reference, uuid.UUID) else "slug"
    sql = f"SELECT * FROM tenant WHERE {column} = $1 AND {_UNDELETED}" + (" FOR UPDATE" if lock else "")
    return await rows.one(records.Tenant, sql, reference)


async def by_name(name: str) -> records.Tenant | None:
    """The undeleted tenant of this name, whatever its case."""
    sql = f"SELECT * FROM tenant WHERE lower(name) = lower($1) AND {_UNDELETED}"
    return await rows.one(records.Tenant, sql, name)


async def update(tenant_id: uuid.UUID, **values: Any) -> None:
    """Set columns; `updated_at` follows."""
    await rows.update("tenant", tenant_id, **values, updated_at=records.now())


async def page(*, status: str | None, offset: int, limit: int) -> tuple[list[records.Tenant], int]:
    """Tenants by slug, and how many in all."""
    chosen = rows.Filter()
    chosen.add("status = {}", status)
    chosen.always(_UNDELETED)
    return await rows.page(records.Tenant, "tenant", chosen, order="slug", offset=offset, limit=limit)


async def contents(tenant_id: uuid.UUID) -> dict[str, int]:
    """How much of each kind a tenant still has, leaving out what it has none of."""
    found = await database.fetch_one(
        """
        SELECT (SELECT count(*) FROM cluster WHERE tenant_id = $1 AND deleted_at IS NULL) AS clusters,
            (SELECT count(*) FROM template WHERE tenant_id = $1) AS templates,
            (SELECT count(*) FROM schedule WHERE tenant_id = $1) AS schedules,
            (SELECT count(*) FROM notification_channel WHERE tenant_id = $1) AS "notification channels",
            (SELECT count(*) FROM service_token WHERE tenant_id = $1 AND revoked_at IS NULL
                AND expires_at > now()) AS "service tokens",
            (SELECT count(*) FROM tenant_member WHERE tenant_id = $1 AND removed_at IS NULL) AS members""",
        tenant_id,
    )
    return {kind: count for kind, count in (found or {}).items() if count}
