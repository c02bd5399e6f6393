"""Rows of service tokens."""

from __future__ import annotations

import uuid
from datetime import datetime

import msgspec

from engine.store import database, rows
from engine.store.records import now


class ServiceToken(msgspec.Struct, frozen=True, kw_only=True):
    """What automation authenticates with; `tenant_id` None means any tenant."""

    name: str
    token_hash: str
    permissions: list[str]
    expires_at: datetime
    tenant_id: uuid.UUID | None = None
    created_by: uuid.UUID | None = None
    created_by_email: str = ""
    created_at: datetime = msgspec.field(default_factory=now)
    last_used_at: datetime | None = None
    last_used_address: str = ""
    revoked_at: datetime | None = None
    id: uuid.UUID = msgspec.field(default_factory=uuid.uuid4)

    def __repr__(self) -> str:
        return f"ServiceToken({self.name!r}, ...)"


async def add(token: ServiceToken) -> None:
    """Write a token; asyncpg.UniqueViolationError for a name in use."""
    await rows.insert("service_token", token)


async def by_hash(token_hash: str) -> ServiceToken | None:
    """The token with this hash, whatever became of it."""
    return await rows.one(ServiceToken, "SELECT * FROM service_token WHERE token_hash = $1", token_hash)


async def get(token_id: uuid.UUID) -> ServiceToken | None:
    """The token with this id."""
    return await rows.one(ServiceToken, "SELECT * FROM service_token WHERE id = $1", token_id)


async def by_name(name: str) -> ServiceToken | None:
    """The token with this name that is not revoked."""
    return await rows.one(
        ServiceToken, "SELECT * FROM service_token WHERE name = $1 AND revoked_at IS NULL", name
    )


async def page(*, offset: int, limit: int) -> tuple[list[ServiceToken], int]:
    """Tokens that are not revoked, by name, and how many in all."""
    chosen = rows.Filter()
    chosen.always("revoked_at IS NULL")
    return await rows.page(
        ServiceToken, "service_token", chosen, order="name, id", offset=offset, limit=limit
    )


async def touch(token_id: uuid.UUID, address: str) -> None:
    """Note that a token was used, once a minute at most."""
    await database.fetch(
        "UPDATE service_token SET last_used_at = now(), last_used_address = $2 WHERE id = $1"
        " AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute'"
        " OR last_used_address <> $2)",
        token_id,
        rows.storable(address),
    )


async def revoke(token_id: uuid.UUID) -> bool:
    """End a token; whether it was not ended before."""
    sql = "UPDATE service_token SET revoked_at = now() WHERE id = $1 AND revoked_at IS NULL RETURNING id"
    return bool(await database.fetch(sql, token_id))


async def tenant(reference: str) -> uuid.UUID | None:
    """The id of the tenant with a slug."""
    sql = "SELECT id FROM tenant WHERE slug = $1 AND deleted_at IS NULL"
    row = await database.fetch_one(sql, rows.storable(reference))
    return None if row is None else uuid.UUID(str(row["id"]))
