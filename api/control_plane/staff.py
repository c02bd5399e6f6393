"""Staff accounts: the own one, and, for administrators, all."""

from __future__ import annotations

from typing import Any, cast

from litestar import Response, Router, get, post
from litestar.handlers.base import BaseRouteHandler
from litestar.params import JSONBody

from api import guards, replies, state
from api.control_plane import documents
from api.control_plane.schemas import (
    Envelope,
    Profile,
    Registered,
    StaffId,
    StaffRegister,
    Switched,
    envelope,
    names_of,
    roles_of,
    timestamp,
)
from api.decoding import AnyTypeBody
from engine.domain.permissions import Permission
from engine.services import staff
from engine.services.users import Users

_MANAGE = guards.requires(Permission.USER_MANAGE)


async def genuine_token(connection: guards.Connection, _: BaseRouteHandler) -> None:
    """A good token, or one that was good until its account was shut out."""
    if connection.scope.get("refused_account") is None:
        guards.require_principal(connection)


@get(
    "/me",
    summary="Own profile",
    guards=[genuine_token],
    responses=documents.refused(401, 403, 404),
)
async def me(request: guards.AnyRequest) -> Response[Envelope[Profile]]:
    """Whose token it is. A disabled account is 403, a deleted one 404."""
    scope = cast("dict[str, Any]", request.scope)
    principal = scope.get("user")
    user = await staff.profile(
        _users(request),
        scope["refused_account"] if principal is None else principal.account_id,
        refusal=scope.get("refused_token"),
    )
    found = Profile(
        staff_id=str(user.id),
        email=user.email,
        roles=names_of(user.roles),
        enabled=user.enabled,
        created_at=timestamp(user.created_at),
        updated_at=timestamp(user.updated_at),
    )
    return Response(envelope(found))


@post(
    "/register",
    status_code=201,
    summary="Create staff account",
    dto=AnyTypeBody[StaffRegister],
    guards=[_MANAGE],
    opt={"action": "user:create"},
    responses=documents.refused(400, 401, 403, 409),
)
async def register(
    request: guards.AnyRequest, data: JSONBody[StaffRegister]
) -> Response[Envelope[Registered]]:
    """An account that can log in at once."""
    guards.name_target(request, data.email)

    async def work() -> replies.Answer:
        made = await staff.register(
            _users(request), data.email, data.password, roles_of(data.roles), guards.caller(request)
        )
        registered = Registered(
            staff_id=str(made.id),
            email=made.email,
            roles=names_of(made.roles),
            enabled=made.enabled,
            created_at=timestamp(made.created_at),
        )
        return replies.Answer(201, envelope(registered))

    return await replies.once(request, work)


@post(
    "/enable",
    status_code=200,
    summary="Enable staff account",
    dto=AnyTypeBody[StaffId],
    guards=[_MANAGE],
    opt={"action": "user:enable"},
    responses=documents.refused(400, 401, 403, 404),
)
async def enable(request: guards.AnyRequest, data: JSONBody[StaffId]) -> Response[Envelope[Switched]]:
    """Lets an account log in."""
    return await _switch(request, data, enabled=True)


@post(
    "/disable",
    status_code=200,
    summary="Disable staff account",
    dto=AnyTypeBody[StaffId],
    guards=[_MANAGE],
    opt={"action": "user:disable"},
    responses=documents.refused(400, 401, 403, 404, 409),
)
async def disable(request: guards.AnyRequest, data: JSONBody[StaffId]) -> Response[Envelope[Switched]]:
    """Shuts an account out and ends its sessions; 409 for the own one and for the last administrator."""
    return await _switch(request, data, enabled=False)


async def _switch(
    request: guards.AnyRequest, data: StaffId, *, enabled: bool
) -> Response[Envelope[Switched]]:
    guards.name_target(request, data.staff_id[:100])
    user = await staff.set_enabled(_users(request), data.staff_id, guards.caller(request), enabled=enabled)
    what = "enabled" if enabled else "disabled"
    done = Switched(message=f"Staff account {what} successfully", staff_id=str(user.id))
    return Response(envelope(done))


def _users(request: guards.AnyRequest) -> Users:
    return state.of(request.app).users


router = Router("/staff", route_handlers=[me, register, enable, disable], tags=[documents.STAFF])
