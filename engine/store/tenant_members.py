"""Rows of memberships. A removed one stays, so that nobody falls back into the default tenant."""

from __future__ import annotations

import uuid

import msgspec

from engine.store import database, records, rows


class Memberships(msgspec.Struct, frozen=True):
    """Of which undeleted tenants an account is a member, and whether it ever was put anywhere."""

    tenants: frozenset[uuid.UUID]
    placed: bool


async def of_account(account_id: uuid.UUID) -> Memberships:
    """The memberships of an account."""
    sql = """
        SELECT member.tenant_id, member.removed_at IS NULL AND tenant.deleted_at IS NULL AS held
        FROM tenant_member member JOIN tenant ON tenant.id = member.tenant_id WHERE member.account_id = $1"""
    found = await database.fetch(sql, account_id)
    return Memberships(frozenset(row["tenant_id"] for row in found if row["held"]), bool(found))


async def get(tenant_id: uuid.UUID, account_id: uuid.UUID) -> records.TenantMember | None:
    """A membership that is held."""
    sql = "SELECT * FROM tenant_member WHERE tenant_id = $1 AND account_id = $2 AND removed_at IS NULL"
    return await rows.one(records.TenantMember, sql, tenant_id, account_id)


async def put(tenant_id: uuid.UUID, account_id: uuid.UUID, email: str) -> None:
    """Make an account a member, again if it was one before."""
    sql = """
        INSERT INTO tenant_member (id, tenant_id, account_id, email) VALUES (gen_random_uuid(), $1, $2, $3)
        ON CONFLICT (tenant_id, account_id) DO UPDATE SET email = excluded.email, removed_at = NULL,
            created_at = CASE WHEN tenant_member.removed_at IS NULL THEN tenant_member.created_at
                              ELSE now() END"""
    await database.fetch(sql, tenant_id, account_id, email)


async def remove(tenant_id: uuid.UUID, account_id: uuid.UUID, email: str) -> None:
    """End a membership, also the unwritten one in the default tenant."""
    sql = """
        INSERT INTO tenant_member (id, tenant_id, account_id, email, removed_at)
        VALUES (gen_random_uuid(), $1, $2, $3, now())
        ON CONFLICT (tenant_id, account_id) DO UPDATE SET removed_at = now()"""
    await database.fetch(sql, tenant_id, account_id, email)


async def page(tenant_id: uuid.UUID, *, offset: int, limit: int) -> tuple[list[records.TenantMember], int]:
    """Members by e-mail address, and how many in all."""
    chosen = rows.Filter()
    chosen.add("tenant_id = {}", tenant_id)
    chosen.always("removed_at IS NULL")
    return await rows.page(
        records.TenantMember, "tenant_member", chosen, order="email, id", offset=offset, limit=limit
    )


async def forget(account_id: uuid.UUID) -> None:
    """Drop everything about an account that is gone."""
    await database.fetch("DELETE FROM tenant_member WHERE account_id = $1", account_id)


async def rename(account_id: uuid.UUID, email: str) -> None:
    """Follow an account's new e-mail address."""
    await database.fetch("UPDATE tenant_member SET email = $2 WHERE account_id = $1", account_id, email)
