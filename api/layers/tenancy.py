"""Whose request it is: the scope of tenants that everything below it works in."""

from __future__ import annotations

from api.layers.asgi import App, Receive, Scope, Send, header, refuse
from engine.domain.errors import NotFound, ServiceUnavailable
from engine.services import tenancy


class Tenancy:
    """Sets the scope of the request's tenants; `refused_tenant` tells of one that is not the caller's."""

    def __init__(self, app: App, *, header_name: str) -> None:
        self._app = app
        self._header = header_name.lower().encode("latin-1")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            entered = await tenancy.scope_of(scope.get("user"), header(scope, self._header))
        except NotFound as error:
            # Refused by the guards, so that a refused deed gets its audit entry.
            scope["refused_tenant"], entered = error, tenancy.NOTHING
        except ServiceUnavailable as error:
            await refuse(scope, send, 503, str(error), {"Retry-After": "5"})
            return
        with tenancy.enter(entered):
            await self._app(scope, receive, send)
