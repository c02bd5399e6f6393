"""Who is asking: turns a bearer token into a principal, or into the reason why it is none."""

from __future__ import annotations

import functools

from api.layers.asgi import App, Receive, Scope, Send, header, refuse
from engine.domain.errors import ServiceUnavailable, SessionEnded, Unauthenticated
from engine.domain.permissions import Principal
from engine.services.identity import IdentityProvider
from engine.services.service_tokens import PREFIX, ServiceTokens, TokenRefused, actor


class Identity:
    """Sets `user` (a Principal or None) and, for a token that does not hold, `refused_token`.

    `identify_again` asks whether the token still holds, for whoever listens longer than a request lasts.

    When that token is genuine but its session has ended, `refused_account` says whose it was.
    """

    def __init__(self, app: App, provider: IdentityProvider, service_tokens: ServiceTokens) -> None:
        self._app = app
        self._provider = provider
        self._service_tokens = service_tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope["user"], scope["auth"] = None, None
            try:
                await self._identify(scope)
            except ServiceUnavailable as error:
                await refuse(scope, send, 503, str(error), {"Retry-After": "5"})
                return
        await self._app(scope, receive, send)

    async def _identify(self, scope: Scope) -> None:
        authorization = header(scope, b"authorization")
        if authorization is None:
            return
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            scope["refused_token"] = "The Authorization header must be: Bearer <access token>."  # noqa: S105
            return
        identify = functools.partial(self._principal, token.strip(), scope["client_address"])
        try:
            scope["user"] = await identify()
            scope["identify_again"] = identify
        except Unauthenticated as error:
            scope["refused_token"] = str(error)
            if isinstance(error, SessionEnded):
                scope["refused_account"] = error.account_id
            if isinstance(error, TokenRefused):
                scope["claimed_actor"] = actor(error.name)

    async def _principal(self, token: str, address: str) -> Principal:
        if token.startswith(PREFIX):
            return await self._service_tokens.authenticate(token, address)
        return await self._provider.authenticate(token)
