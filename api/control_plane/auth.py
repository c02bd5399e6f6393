"""Login with a password."""

from __future__ import annotations

from litestar import Response, Router, post
from litestar.params import JSONBody

from api import guards, state
from api.control_plane import documents
from api.control_plane.schemas import (
    Envelope,
    LoggedIn,
    Login,
    Message,
    ResetConfirm,
    ResetRequest,
    Session,
    envelope,
    names_of,
)
from api.decoding import AnyTypeBody
from engine.domain.errors import FieldProblem, Forbidden, InvalidSpec, Unauthenticated
from engine.services import staff


@post(
    "/login",
    status_code=200,
    summary="Staff login",
    dto=AnyTypeBody[Login],
    opt={"action": "session:login"},
    security=documents.OPEN,
    responses=documents.refused(400, 401, 429),
)
async def login(request: guards.AnyRequest, data: JSONBody[Login]) -> Response[Envelope[Session]]:
    """An access token for the right password. A disabled account is told apart only after it."""
    email = staff.require_email(data.email)
    if not data.password:
        raise InvalidSpec([FieldProblem("password", "must have at least 1 character")])
    guards.claim_actor(request, email)
    try:
        grant = await state.of(request.app).provider.login(email, data.password, guards.caller(request))
    except Forbidden as error:
        # This contract has no 403 here; the text says what is the matter.
        raise Unauthenticated(error.message, remedy=error.remedy) from error
    who = grant.principal
    session = Session(
        token=grant.access_token,
        staff=LoggedIn(staff_id=who.account_id, email=who.email, roles=names_of(who.roles), enabled=True),
    )
    return Response(envelope(session))


@post(
    "/password-reset/request",
    status_code=200,
    summary="Request password reset",
    dto=AnyTypeBody[ResetRequest],
    opt={"action": "password-reset:request"},
    security=documents.OPEN,
    responses=documents.refused(400, 429),
)
async def request_reset(
    request: guards.AnyRequest, data: JSONBody[ResetRequest]
) -> Response[Envelope[Message]]:
    """Mails a token to the account of this address, if there is one; the answer does not tell."""
    guards.claim_actor(request, data.email)
    await state.of(request.app).password_resets.request(data.email, guards.caller(request))
    return Response(envelope(Message(message="Password reset email sent if account exists")))


@post(
    "/password-reset/confirm",
    status_code=200,
    summary="Confirm password reset",
    dto=AnyTypeBody[ResetConfirm],
    opt={"action": "password-reset:confirm"},
    security=documents.OPEN,
    responses=documents.refused(400, 401, 429),
)
async def confirm_reset(
    request: guards.AnyRequest, data: JSONBody[ResetConfirm]
) -> Response[Envelope[Message]]:
    """A new password for a mailed token. All sessions and other tokens of the account end."""
    await state.of(request.app).password_resets.confirm(data.token, data.new_password, guards.caller(request))
    return Response(envelope(Message(message="Password updated successfully")))


router = Router(
    "/auth", route_handlers=[login, request_reset, confirm_reset], tags=[documents.AUTHENTICATION]
)
