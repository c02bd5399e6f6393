"""Tenants and their members."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import Response, Router, delete, get, post, put
from litestar.params import FromPath, JSONBody, QueryParameter

from api import guards, replies, state
from api.decoding import Body
from api.replies import PageNumber, PageSize
from api.schemas import tenants as wire
from api.schemas.common import Page
from engine.domain.permissions import Permission
from engine.domain.tenants import ContactInfo, TenantStatus
from engine.services import tenant_members, tenants

_PLACE = "/api/v1/tenants"
_READ = [guards.requires(Permission.TENANT_READ), guards.known_query]
_MANAGE = guards.requires(Permission.TENANT_MANAGE)
_StatusFilter = Annotated[
    str | None,
    QueryParameter(name="status", pattern=f"^({'|'.join(TenantStatus)})$", description="pending or active"),
]


@get("/", summary="List tenants", guards=_READ)
async def list_tenants(
    request: guards.AnyRequest, page: PageNumber = 1, page_size: PageSize = 20, status: _StatusFilter = None
) -> Response[Page[wire.Tenant]]:
    """The caller's own tenants by slug; for administrators all."""
    wanted = None if status is None else TenantStatus(status)
    found, total = await tenants.page(
        guards.principal(request), status=wanted, page=page, page_size=page_size
    )
    return replies.page([_tenant(tenant) for tenant in found], total, page, page_size)


@post(
    "/",
    status_code=201,
    summary="Create tenant",
    dto=Body[wire.TenantCreate],
    guards=[_MANAGE],
    opt={"action": "tenant:register"},
)
async def create(request: guards.AnyRequest, data: JSONBody[wire.TenantCreate]) -> Response[wire.Tenant]:
    """Registers a tenant, usable at once."""
    guards.name_target(request, data.name)

    async def work() -> replies.Answer:
        wanted = tenants.NewTenant(
            name=data.name,
            email=data.email,
            slug=data.slug,
            contact_info=_contact(data.contact_info or wire.ContactRequest()),
            status=data.status,
        )
        made = await tenants.register(wanted, guards.caller(request))
        return replies.Answer(201, _tenant(made), {"Location": f"{_PLACE}/{made.id}"})

    return await replies.once(request, work)


@get("/{tenant_id:str}", summary="Get tenant", guards=_READ)
async def get_tenant(request: guards.AnyRequest, tenant_id: FromPath[str]) -> wire.Tenant:
    """One of the caller's tenants, by id or slug."""
    return _tenant(await tenants.get(guards.principal(request), tenant_id))


@put(
    "/{tenant_id:str}",
    summary="Update tenant",
    dto=Body[wire.TenantUpdate],
    guards=[_MANAGE],
    opt={"action": "tenant:update"},
)
async def update(
    request: guards.AnyRequest, tenant_id: FromPath[str], data: JSONBody[wire.TenantUpdate]
) -> wire.Tenant:
    """Changes what is given."""
    contact = _given(data.contact_info)
    change = tenants.TenantChange(
        name=_given(data.name),
        email=_given(data.email),
        slug=_given(data.slug),
        contact_info=None if contact is None else _contact(contact),
        status=_given(data.status),
    )
    return _tenant(await tenants.update(tenant_id, change, guards.caller(request)))


@delete(
    "/{tenant_id:str}",
    status_code=204,
    summary="Delete tenant",
    guards=[_MANAGE, guards.known_query],
    opt={"action": "tenant:delete"},
)
async def delete_tenant(request: guards.AnyRequest, tenant_id: FromPath[str]) -> None:
    """Only when nothing and nobody is left in it; its audit entries stay."""
    await tenants.delete(tenant_id, guards.caller(request))


@get("/{tenant_id:str}/members", summary="Members of a tenant", guards=_READ)
async def list_members(
    request: guards.AnyRequest, tenant_id: FromPath[str], page: PageNumber = 1, page_size: PageSize = 20
) -> Response[Page[wire.Member]]:
    """By e-mail address. Users who were never put anywhere belong to `default` without being listed."""
    found, total = await tenant_members.page(
        guards.principal(request), tenant_id, page=page, page_size=page_size
    )
    return replies.page([_member(member) for member in found], total, page, page_size)


@post(
    "/{tenant_id:str}/members",
    status_code=201,
    summary="Add member",
    dto=Body[wire.MemberAdd],
    guards=[_MANAGE],
    opt={"action": "tenant:add-member"},
)
async def add_member(
    request: guards.AnyRequest, tenant_id: FromPath[str], data: JSONBody[wire.MemberAdd]
) -> Response[wire.Member]:
    """A user may belong to several tenants."""

    async def work() -> replies.Answer:
        wanted = tenant_members.Wanted(user_id=data.user_id, email=data.email)
        directory = state.of(request.app).users.directory
        member = await tenant_members.add(tenant_id, wanted, guards.caller(request), directory)
        place = f"{_PLACE}/{member.tenant_id}/members/{member.account_id}"
        return replies.Answer(201, _member(member), {"Location": place})

    return await replies.once(request, work)


@put(
    "/{tenant_id:str}/members/{user_id:str}",
    summary="Put member",
    guards=[_MANAGE],
    opt={"action": "tenant:add-member"},
)
async def put_member(
    request: guards.AnyRequest, tenant_id: FromPath[str], user_id: FromPath[str]
) -> wire.Member:
    """Makes sure that a user is a member."""
    directory = state.of(request.app).users.directory
    return _member(await tenant_members.put(tenant_id, user_id, guards.caller(request), directory))


@delete(
    "/{tenant_id:str}/members/{user_id:str}",
    status_code=204,
    summary="Remove member",
    guards=[_MANAGE, guards.known_query],
    opt={"action": "tenant:remove-member"},
)
async def remove_member(request: guards.AnyRequest, tenant_id: FromPath[str], user_id: FromPath[str]) -> None:
    """Whoever loses the last membership sees nothing any more."""
    await tenant_members.remove(tenant_id, user_id, guards.caller(request))


def _given[T](value: T | msgspec.UnsetType) -> T | None:
    return None if isinstance(value, msgspec.UnsetType) else value


def _contact(data: wire.ContactRequest) -> ContactInfo:
    return ContactInfo(phone=data.phone, address=data.address, company=data.company)


def _tenant(tenant: tenants.Tenant) -> wire.Tenant:
    contact = tenant.contact_info
    return wire.Tenant(
        id=str(tenant.id),
        slug=tenant.slug,
        name=tenant.name,
        email=tenant.email,
        contact_info=wire.Contact(phone=contact.phone, address=contact.address, company=contact.company),
        status=tenant.status.value,
        created_at=tenant.created_at,
        updated_at=tenant.updated_at,
    )


def _member(member: tenant_members.Member) -> wire.Member:
    return wire.Member(user_id=str(member.account_id), email=member.email, created_at=member.created_at)


router = Router(
    _PLACE,
    route_handlers=[
        list_tenants,
        create,
        get_tenant,
        update,
        delete_tenant,
        list_members,
        add_member,
        put_member,
        remove_member,
    ],
    tags=["Tenants"],
)
