"""Every refused deed is written to the audit log before the caller hears of it."""

from __future__ import annotations

import asyncio

import structlog

from api.layers.asgi import App, Message, Receive, Scope, Send, header
from engine.domain.errors import KeelyardError
from engine.services import audit_log
from engine.services.identity import Caller

SECONDS = 5.0  # for the entry; a refusal does not wait longer

log = structlog.get_logger("api")


class Refusals:
    """Looks at the route's `action`; routes without one are no deeds."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] >= 400:
                handler = scope.get("route_handler")
                if handler is not None and "action" in handler.opt:
                    await _record(scope, handler.opt["action"], message["status"])
            await send(message)

        await self._app(scope, receive, watched if scope["type"] == "http" else send)


async def record_unrouted(scope: Scope, action: str, status: int) -> None:
    """Write a refusal that comes before any route is known; the path is what was asked for."""
    await _write(scope, action, audit_log.Resource("path", "", scope["path"][:100]), status)


async def _record(scope: Scope, action: str, status: int) -> None:
    params = scope.get("path_params") or {}
    reference = str(next(iter(params.values()), ""))  # the first names the thing itself
    kind = action.partition(":")[0]
    await _write(
        scope, action, audit_log.Resource(kind, reference, str(scope.get("resource_name", ""))), status
    )


async def _write(scope: Scope, action: str, resource: audit_log.Resource, status: int) -> None:
    caller = Caller(
        principal=scope.get("user"),
        address=scope["client_address"],
        user_agent=header(scope, b"user-agent") or "",
        correlation_id=scope["correlation_id"],
    )
    try:
        async with asyncio.timeout(SECONDS):
            await audit_log.record_refusal(
                caller,
                action,
                resource,
                status_code=status,
                reason=str(scope.get("refusal", "")),
                actor=str(scope.get("claimed_actor", "")),
            )
    except (KeelyardError, OSError, TimeoutError) as error:
        # The caller is refused all the same; the log line is the trace that is left.
        log.error("audit entry not written", action=action, error=str(error))  # noqa: TRY400
