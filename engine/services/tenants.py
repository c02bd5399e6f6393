"""Tenants: registered, shown, changed, deleted when nothing is left in them."""

from __future__ import annotations

import uuid
from typing import Any

import asyncpg
import msgspec

from engine.domain import permissions, spec_rules
from engine.domain import tenants as rules
from engine.domain.errors import Conflict, InvalidSpec, NameTaken, NotFound
from engine.domain.permissions import Permission, Principal
from engine.domain.tenants import ContactInfo, TenantStatus
from engine.services import audit_log, tenancy
from engine.services.identity import Caller
from engine.store import database, locks, records, tenants

Tenant = records.Tenant
_LOCK = "keelyard:tenants"
_MOST_SLUGS = 1000


class NewTenant(msgspec.Struct, frozen=True, kw_only=True):
    """A tenant as asked for; without a slug, one is made from the name."""

    name: str
    email: str
    contact_info: ContactInfo = ContactInfo()
    slug: str | None = None
    status: TenantStatus = TenantStatus.PENDING


class TenantChange(msgspec.Struct, frozen=True, kw_only=True):
    """What shall be different about a tenant; None means as it is."""

    name: str | None = None
    email: str | None = None
    contact_info: ContactInfo | None = None
    slug: str | None = None
    status: TenantStatus | None = None


async def page(
    principal: Principal, *, status: TenantStatus | None = None, page: int, page_size: int
) -> tuple[list[Tenant], int]:
    """The caller's tenants by slug, and how many."""
    permissions.require(principal, Permission.TENANT_READ)
    return await tenants.page(
        status=None if status is None else status.value, offset=(page - 1) * page_size, limit=page_size
    )


async def get(principal: Principal, reference: str) -> Tenant:
    """One of the caller's tenants, by slug or id; raises NotFound."""
    permissions.require(principal, Permission.TENANT_READ)
    return await find(reference)


async def find(reference: str, *, lock: bool = False) -> Tenant:
    """The tenant of this slug or id, if it may be seen; raises NotFound."""
    found = None
    if spec_rules.is_uuid(reference):
        found = await tenants.get(uuid.UUID(reference), lock=lock)
    elif spec_rules.is_label(reference):
        found = await tenants.get(reference, lock=lock)
    if found is None:
        raise NotFound(f"There is no tenant {reference[:100]!r}.", remedy="GET /api/v1/tenants lists yours.")
    return found


async def register(wanted: NewTenant, caller: Caller) -> Tenant:
    """A new tenant; who registers it is not a member of it.

    Raises InvalidSpec, Forbidden, and NameTaken for a name or a given slug that another tenant has.
    """
    _allowed(caller, Permission.TENANT_REGISTER)
    wanted = msgspec.structs.replace(wanted, name=" ".join(wanted.name.split()), email=wanted.email.lower())
    _check(wanted)
    try:
        # In everything: names and slugs are unique among all tenants.
        with tenancy.everything():
            async with database.transaction():
                await locks.until_commit(_LOCK)
                if await tenants.by_name(wanted.name) is not None:
                    raise _name_taken(wanted.name)
                tenant = Tenant(
                    slug=wanted.slug or await _free_slug(wanted.name),
                    name=wanted.name,
                    email=wanted.email,
                    contact_info=wanted.contact_info,
                    status=wanted.status,
                )
                await tenants.add(tenant)
                await _record(caller, "tenant:register", tenant, {"slug": tenant.slug})
    except asyncpg.UniqueViolationError as error:
        raise _taken(error, wanted.name, wanted.slug or "") from error
    return tenant


async def update(reference: str, change: TenantChange, caller: Caller) -> Tenant:
    """The tenant as changed; raises InvalidSpec, Forbidden, NotFound, NameTaken, Conflict."""
    _allowed(caller, Permission.TENANT_MANAGE)
    try:
        async with database.transaction():
            await locks.until_commit(_LOCK)
            before = await find(reference, lock=True)
            said = {
                name: value for name, value in msgspec.structs.asdict(change).items() if value is not None
            }
            after = msgspec.structs.replace(before, **said)
            after = msgspec.structs.replace(
                after, name=" ".join(after.name.split()), email=after.email.lower()
            )
            _check(after, registered=before.id != tenancy.DEFAULT_TENANT or "email" in said)
            if before.id == tenancy.DEFAULT_TENANT and after.slug != before.slug:
                raise Conflict("The slug of the default tenant cannot be changed.")
            values = {name: getattr(after, name) for name in said}
            await tenants.update(before.id, **values)
            await _record(caller, "tenant:update", before, _told(before, after))
            return await find(str(before.id))
    except asyncpg.UniqueViolationError as error:
        raise _taken(error, change.name or "", change.slug or "") from error


async def delete(reference: str, caller: Caller) -> None:
    """Delete a tenant in which nothing is left; its audit entries stay.

    Raises Forbidden, NotFound, and Conflict naming what is left, or for the default tenant.
    """
    _allowed(caller, Permission.TENANT_MANAGE)
    async with database.transaction():
        await locks.until_commit(_LOCK)
        tenant = await find(reference, lock=True)
        if tenant.id == tenancy.DEFAULT_TENANT:
            raise Conflict("The default tenant cannot be deleted.")
        left = await tenants.contents(tenant.id)
        if left:
            told = ", ".join(f"{count} {kind}" for kind, count in left.items())
            raise Conflict(
                f"Tenant {tenant.slug!r} is not empty: it has {told}.", remedy="Delete or remove them first."
            )
        await tenants.update(tenant.id, deleted_at=records.now())
        await _record(caller, "tenant:delete", tenant, {"slug": tenant.slug})
    tenancy.forget_memory()


async def _free_slug(name: str) -> str:
    wished = rules.slug_of(name)
    if not list(spec_rules.name_problems(wished)) and await tenants.get(wished) is None:
        return wished
    for number in range(2, _MOST_SLUGS):
        if await tenants.get(f"{wished}-{number}") is None:
            return f"{wished}-{number}"
    raise NameTaken(f"Too many tenants are called like {name[:80]!r}.", remedy="Give a slug.")


def _check(wanted: NewTenant | Tenant, *, registered: bool = True) -> None:
    # The default tenant came with the installation and needs no address.
    email = wanted.email if registered else "nobody@example.com"
    found = list(rules.problems(name=wanted.name, email=email, contact=wanted.contact_info, slug=wanted.slug))
    if found:
        raise InvalidSpec(found)


def _taken(error: asyncpg.UniqueViolationError, name: str, slug: str) -> NameTaken:
    if error.constraint_name == "tenant_slug_unique":
        return NameTaken(f"There is a tenant with the slug {slug!r} already.", remedy="Choose another slug.")
    return _name_taken(name)


def _name_taken(name: str) -> NameTaken:
    return NameTaken(f"There is a tenant {name[:80]!r} already.", remedy="Choose another name.")


def _allowed(caller: Caller, permission: Permission) -> None:
    """Whoever has the database may do it without an account: that is the command line."""
    if caller.principal is not None:
        permissions.require(caller.principal, permission)


def _told(before: Tenant, after: Tenant) -> dict[str, Any]:
    return {
        name: {
            "from": msgspec.to_builtins(getattr(before, name)),
            "to": msgspec.to_builtins(getattr(after, name)),
        }
        for name in ("slug", "name", "email", "contact_info", "status")
        if getattr(before, name) != getattr(after, name)
    }


async def _record(caller: Caller, action: str, tenant: Tenant, details: dict[str, Any]) -> None:
    resource = audit_log.Resource("tenant", str(tenant.id), tenant.name, tenant_id=tenant.id)
    await audit_log.record(caller, action, resource, actor="keelyard", details=details)
