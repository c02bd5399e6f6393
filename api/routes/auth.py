"""Login, refresh, logout, and who I am."""

from __future__ import annotations

from dataclasses import dataclass

from litestar import Router, get, post
from litestar.exceptions import SerializationException
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, Operation, RequestBody, Schema
from litestar.params import JSONBody

from api import decoding, guards, state
from api.decoding import Body
from api.schemas.auth import Login, Refresh, Tokens, User
from engine.domain.permissions import Principal
from engine.services.identity import Grant

_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


@dataclass
class LoginOperation(Operation):
    """Tells the OpenAPI document of a body that comes in three media types."""

    def __post_init__(self) -> None:
        text = Schema(type=OpenAPIType.STRING)
        schema = Schema(
            type=OpenAPIType.OBJECT,
            properties={"username": text, "password": text},
            required=["username", "password"],
        )
        media = OpenAPIMediaType(schema=schema)
        self.request_body = RequestBody(
            required=True, content=dict.fromkeys(("application/json", *_FORMS), media)
        )


@post(
    "/login",
    status_code=200,
    summary="User login",
    opt={"action": "session:login"},
    operation_class=LoginOperation,
)
async def login(request: guards.AnyRequest) -> Tokens:
    """Takes the OAuth2 password form, and the same members as JSON."""
    given = await credentials(request)
    guards.claim_actor(request, given.username)
    grant = await state.of(request.app).provider.login(given.username, given.password, guards.caller(request))
    return _tokens(grant)


@post(
    "/refresh", status_code=200, summary="Refresh token", dto=Body[Refresh], opt={"action": "session:refresh"}
)
async def refresh(request: guards.AnyRequest, data: JSONBody[Refresh]) -> Tokens:
    """New tokens for a refresh token, which works once."""
    grant = await state.of(request.app).provider.refresh(data.refresh_token, guards.caller(request))
    return _tokens(grant)


@post(
    "/logout",
    status_code=204,
    summary="Logout",
    guards=[guards.authenticated],
    opt={"action": "session:logout"},
)
async def logout(request: guards.AnyRequest) -> None:
    """Ends the session: neither of its tokens works afterwards."""
    await state.of(request.app).provider.logout(guards.caller(request))


@get("/me", summary="Current user info", guards=[guards.authenticated])
async def me(request: guards.AnyRequest) -> User:
    """Who the access token belongs to."""
    return user(guards.principal(request))


async def credentials(request: guards.AnyRequest) -> Login:
    """Of a login in any of its media types; raises MalformedBody, InvalidSpec."""
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type not in _FORMS:
        return decoding.decode(await request.body(), Login)
    try:
        form = await request.form()
    except (SerializationException, ValueError) as error:
        raise decoding.MalformedBody(f"The form cannot be read: {error}.") from error
    return decoding.convert(dict(form.items()), Login)


def _tokens(grant: Grant) -> Tokens:
    return Tokens(
        access_token=grant.access_token,
        refresh_token=grant.refresh_token,
        token_type="bearer",  # noqa: S106 - the scheme's name
        expires_in=grant.expires_in,
        user=user(grant.principal),
    )


def user(principal: Principal) -> User:
    """Who somebody is, as the wire tells it."""
    return User(
        id=principal.account_id,
        email=principal.email,
        full_name=principal.full_name,
        role=principal.highest_role.value,
    )


router = Router("/api/v1/auth", route_handlers=[login, refresh, logout, me], tags=["Authentication"])
