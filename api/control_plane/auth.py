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


router = Router("/auth", route_handlers=[login], tags=[documents.AUTHENTICATION])
