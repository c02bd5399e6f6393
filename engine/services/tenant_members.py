"""Members of tenants: listed, added, removed."""

from __future__ import annotations

import uuid

import msgspec

from engine.domain import permissions
from engine.domain.errors import Conflict, FieldProblem, InvalidSpec, NotFound
from engine.domain.permissions import Permission, Principal
from engine.services import audit_log, tenancy, tenants
from engine.services.directory import Directory, User
from engine.services.identity import Caller
from engine.store import database, records, tenant_members

Member = records.TenantMember


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to add: by id or by e-mail address."""

    user_id: str | None = None
    email: str | None = None


async def page(
    principal: Principal, reference: str, *, page: int, page_size: int
) -> tuple[list[Member], int]:
    """Members of one of the caller's tenants by e-mail address, and how many; raises NotFound.

    Accounts that were never put anywhere are members of the default tenant without being listed there.
    """
    permissions.require(principal, Permission.TENANT_READ)
    tenant = await tenants.find(reference)
    return await tenant_members.page(tenant.id, offset=(page - 1) * page_size, limit=page_size)


async def add(reference: str, wanted: Wanted, caller: Caller, directory: Directory) -> Member:
    """A new member; raises Forbidden, NotFound, InvalidSpec for an unknown account, Conflict for a member."""
    _allowed(caller)
    tenant = await tenants.find(reference)
    user = await _wanted(wanted, directory)
    async with database.transaction():
        if await tenant_members.get(tenant.id, user.id) is not None:
            raise Conflict(f"{user.email} is a member of tenant {tenant.slug!r} already.")
        return await _put(tenant, user, caller)


async def put(reference: str, user_id: str, caller: Caller, directory: Directory) -> Member:
    """The membership of an account, made if it was not there; raises Forbidden and NotFound.

    The audit log has it either way: that somebody asked is known, and that the member was made sure of.
    """
    _allowed(caller)
    tenant = await tenants.find(reference)
    user = await _existing(user_id, directory)
    async with database.transaction():
        found = await tenant_members.get(tenant.id, user.id)
        if found is None:
            return await _put(tenant, user, caller)
        await _record(caller, "tenant:add-member", tenant, found)
        return found


async def remove(reference: str, user_id: str, caller: Caller) -> None:
    """End a membership. Whoever loses the last one sees nothing any more, the default tenant included.

    Raises Forbidden and NotFound.
    """
    _allowed(caller)
    tenant = await tenants.find(reference)
    account_id = _parsed(user_id)
    async with database.transaction():
        found = await tenant_members.get(tenant.id, account_id)
        if found is None:
            raise _unknown(user_id)
        await tenant_members.remove(tenant.id, account_id, found.email)
        await _record(caller, "tenant:remove-member", tenant, found)
    tenancy.forget_memory(account_id)


async def forget(user_id: uuid.UUID) -> None:
    """Drop the memberships of an account that is deleted, in the caller's transaction."""
    await tenant_members.forget(user_id)
    tenancy.forget_memory(user_id)


async def rename(user_id: uuid.UUID, email: str) -> None:
    """Follow an account's new e-mail address, in the caller's transaction."""
    await tenant_members.rename(user_id, email)


async def _put(tenant: tenants.Tenant, user: User, caller: Caller) -> Member:
    await tenant_members.put(tenant.id, user.id, user.email)
    member = await tenant_members.get(tenant.id, user.id)
    assert member is not None
    await _record(caller, "tenant:add-member", tenant, member)
    tenancy.forget_memory(user.id)
    return member


async def _wanted(wanted: Wanted, directory: Directory) -> User:
    if (wanted.user_id is None) == (wanted.email is None):
        raise InvalidSpec([FieldProblem("user_id", "either this or email must be given")])
    if wanted.email is not None:
        found = await directory.find(wanted.email)
        if found is None:
            raise InvalidSpec([FieldProblem("email", f"there is no user {wanted.email[:80]!r}")])
        return found
    try:
        return await _existing(wanted.user_id or "", directory)
    except NotFound as error:
        raise InvalidSpec([FieldProblem("user_id", error.message)]) from error


async def _existing(user_id: str, directory: Directory) -> User:
    found = await directory.get(_parsed(user_id))
    if found is None:
        raise _unknown(user_id)
    return found


def _parsed(user_id: str) -> uuid.UUID:
    try:
        return uuid.UUID(user_id)
    except ValueError as error:
        raise _unknown(user_id) from error


def _unknown(user_id: str) -> NotFound:
    return NotFound(f"There is no user {user_id[:100]!r} here.")


def _allowed(caller: Caller) -> None:
    if caller.principal is not None:
        permissions.require(caller.principal, Permission.TENANT_MANAGE)


async def _record(caller: Caller, action: str, tenant: tenants.Tenant, member: Member) -> None:
    resource = audit_log.Resource("tenant", str(tenant.id), tenant.name, tenant_id=tenant.id)
    details = {"account_id": str(member.account_id), "email": member.email}
    await audit_log.record(caller, action, resource, actor="keelyard", details=details)
