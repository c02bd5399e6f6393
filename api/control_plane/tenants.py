"""Registration of tenants."""

from __future__ import annotations

from litestar import Response, Router, post
from litestar.params import JSONBody

from api import guards, replies
from api.control_plane import documents
from api.control_plane.schemas import (
    Contact,
    Envelope,
    TenantRegister,
    TenantRegistered,
    envelope,
    timestamp,
)
from api.decoding import AnyTypeBody
from engine.domain.permissions import Permission
from engine.domain.tenants import ContactInfo
from engine.services import tenants


@post(
    "/register",
    status_code=201,
    summary="Register tenant",
    dto=AnyTypeBody[TenantRegister],
    guards=[guards.requires(Permission.TENANT_REGISTER)],
    opt={"action": "tenant:register"},
    responses=documents.refused(400, 401, 403, 409),
)
async def register(
    request: guards.AnyRequest, data: JSONBody[TenantRegister]
) -> Response[Envelope[TenantRegistered]]:
    """A tenant, `pending` and usable. Without a slug, one is made from the name."""
    guards.name_target(request, data.name)

    async def work() -> replies.Answer:
        given = data.contact_info or Contact()
        wanted = tenants.NewTenant(
            name=data.name,
            email=data.email,
            slug=data.slug,
            contact_info=ContactInfo(phone=given.phone, address=given.address, company=given.company),
        )
        made = await tenants.register(wanted, guards.caller(request))
        contact = made.contact_info
        registered = TenantRegistered(
            tenant_id=str(made.id),
            name=made.name,
            email=made.email,
            contact_info=Contact(phone=contact.phone, address=contact.address, company=contact.company),
            status=made.status,
            created_at=timestamp(made.created_at),
        )
        return replies.Answer(201, envelope(registered))

    return await replies.once(request, work)


router = Router("/tenant", route_handlers=[register], tags=[documents.TENANTS])
