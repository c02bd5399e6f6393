"""Login for browsers: the tokens are in cookies that no script can read."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Response, Router, delete, post
from litestar.datastructures import Cookie

from api import guards, replies, state
from api.layers import browser_sessions
from api.layers.browser_sessions import CSRF, REFRESH, SESSION
from api.routes import auth
from api.schemas.browser_sessions import BrowserSession
from engine.domain.errors import Forbidden, Unauthenticated
from engine.services.identity import Grant

_PLACE = "/api/v1/auth/session"
_REFRESH_SECONDS = 7 * 24 * 3600


@post(
    "/",
    status_code=200,
    summary="Log a browser in",
    opt={"action": "session:login"},
    operation_class=auth.LoginOperation,
)
async def login(request: guards.AnyRequest) -> Response[BrowserSession]:
    """As the login, with cookies instead of tokens: HttpOnly, SameSite=Strict, Secure behind TLS."""
    if request.headers.get("sec-fetch-site", "none") not in {"same-origin", "none"}:
        raise Forbidden("Only a page of this server may log a browser in.")
    credentials = await auth.credentials(request)
    guards.claim_actor(request, credentials.username)
    grant = await state.of(request.app).provider.login(
        credentials.username, credentials.password, guards.caller(request)
    )
    return _answer(request, grant, state.of(request.app).csrf_tokens.make())


@post("/refresh", status_code=200, summary="Refresh a browser's session", opt={"action": "session:refresh"})
async def refresh(request: guards.AnyRequest) -> Response[BrowserSession]:
    """New cookies for the refresh cookie, which works once; needs `X-CSRF-Token`."""
    scope: Any = request.scope
    kept = browser_sessions.cookies(scope)
    if REFRESH not in kept:
        raise Unauthenticated("There is no session to refresh.", remedy="Log in.")
    if not state.of(request.app).csrf_tokens.hold(scope):
        raise Forbidden(guards.CSRF_REFUSED)
    grant = await state.of(request.app).provider.refresh(kept[REFRESH], guards.caller(request))
    return _answer(request, grant, kept[CSRF])


@delete(
    "/",
    status_code=204,
    summary="Log a browser out",
    guards=[guards.authenticated],
    opt={"action": "session:logout"},
)
async def logout(request: guards.AnyRequest) -> Response[None]:
    """Ends the session and takes the cookies back."""
    await state.of(request.app).provider.logout(guards.caller(request))
    gone = [_cookie(request, name, "", 0) for name in (SESSION, REFRESH, CSRF)]
    return Response(None, status_code=204, cookies=gone)


def _answer(request: guards.AnyRequest, grant: Grant, csrf: str) -> Response[Any]:
    reply = BrowserSession(csrf_token=csrf, expires_in=grant.expires_in, user=auth.user(grant.principal))
    return Response(
        msgspec.json.encode(reply),
        media_type=replies.JSON,
        cookies=[
            _cookie(request, SESSION, grant.access_token, grant.expires_in),
            _cookie(request, REFRESH, grant.refresh_token, _REFRESH_SECONDS),
            _cookie(request, CSRF, csrf, _REFRESH_SECONDS),
        ],
    )


def _cookie(request: guards.AnyRequest, name: str, value: str, seconds: int) -> Cookie:
    scope: Any = request.scope
    return Cookie(
        key=name,
        value=value,
        max_age=seconds,
        path=f"{_PLACE}/refresh" if name == REFRESH else "/",
        httponly=name != CSRF,
        samesite="strict",
        secure=scope.get("secure", False),
    )


router = Router(_PLACE, route_handlers=[login, refresh, logout], tags=["Authentication"])
