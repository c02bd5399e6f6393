"""Service tokens: list, make, look, revoke; for administrators."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Response, Router, delete, get, post
from litestar.params import FromPath, JSONBody

from api import guards, replies, state
from api.decoding import Body
from api.replies import PageNumber, PageSize
from api.schemas import service_tokens as wire
from api.schemas.common import Page
from engine.domain.permissions import Permission
from engine.services.service_tokens import NewToken, ServiceToken, ServiceTokens

_PLACE = "/api/v1/service-tokens"
_READ = [guards.requires(Permission.SERVICE_TOKEN_READ), guards.known_query]


@get("/", summary="List service tokens", guards=_READ)
async def list_tokens(
    request: guards.AnyRequest, page: PageNumber = 1, page_size: PageSize = 20
) -> Response[Page[wire.ServiceToken]]:
    """By name; without those that were revoked."""
    found, total = await _tokens(request).page(page=page, page_size=page_size)
    return replies.page([wire.ServiceToken(**_shown(token)) for token in found], total, page, page_size)


@post(
    "/",
    status_code=201,
    summary="Create service token",
    dto=Body[wire.ServiceTokenCreate],
    guards=[guards.requires(Permission.SERVICE_TOKEN_CREATE)],
    opt={"action": "service-token:create"},
)
async def create(
    request: guards.AnyRequest, data: JSONBody[wire.ServiceTokenCreate]
) -> Response[wire.ServiceTokenMade]:
    """The answer has the token, once. It is never kept, so an `Idempotency-Key` repeats nothing here."""
    guards.name_target(request, data.name)
    wanted = NewToken(**msgspec.structs.asdict(data))
    token, text = await _tokens(request).create(wanted, guards.caller(request))
    made = wire.ServiceTokenMade(**_shown(token), token=text)
    return Response(
        msgspec.json.encode(made),  # type: ignore[arg-type]
        status_code=201,
        media_type=replies.JSON,
        headers={"Location": f"{_PLACE}/{token.id}"},
    )


@get("/{token_id:str}", summary="Get service token", guards=_READ)
async def get_token(request: guards.AnyRequest, token_id: FromPath[str]) -> wire.ServiceToken:
    """One token, by id or name."""
    return wire.ServiceToken(**_shown(await _tokens(request).get(token_id)))


@delete(
    "/{token_id:str}",
    status_code=204,
    summary="Revoke service token",
    guards=[guards.requires(Permission.SERVICE_TOKEN_REVOKE), guards.known_query],
    opt={"action": "service-token:revoke"},
)
async def revoke(request: guards.AnyRequest, token_id: FromPath[str]) -> None:
    """Ends a token, by id or name."""
    await _tokens(request).revoke(token_id, guards.caller(request))


def _tokens(request: guards.AnyRequest) -> ServiceTokens:
    return state.of(request.app).service_tokens


def _shown(token: ServiceToken) -> dict[str, Any]:
    return {
        "id": str(token.id),
        "name": token.name,
        "permissions": token.permissions,
        "tenant_id": None if token.tenant_id is None else str(token.tenant_id),
        "created_by": token.created_by_email,
        "created_at": token.created_at,
        "expires_at": token.expires_at,
        "last_used_at": token.last_used_at,
        "last_used_address": token.last_used_address or None,
    }


router = Router(_PLACE, route_handlers=[list_tokens, create, get_token, revoke], tags=["Service tokens"])
