"""Every refused deed is written to the audit log before the caller hears of it."""

from __future__ import annotations

from typing import Any

import structlog

from api.layers.asgi import App, Message, Receive, Scope, Send, header
from engine.domain.errors import KeelyardError
from engine.services import audit_log
from engine.services.identity import Caller

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
                    await _record(scope, handler.opt, message["status"])
            await send(message)

        await self._app(scope, receive, watched if scope["type"] == "http" else send)


async def _record(scope: Scope, opt: dict[str, Any], status: int) -> None:
    kind = opt["action"].partition(":")[0]
    params = scope.get("path_params") or {}
    reference = str(next(iter(params.values()), ""))  # the first names the thing itself
    caller = Caller(
        principal=scope.get("user"),
        address=scope["client_address"],
        user_agent=header(scope, b"user-agent") or "",
        correlation_id=scope["correlation_id"],
    )
    resource = audit_log.Resource(kind, reference, str(scope.get("resource_name", "")))
    try:
        await audit_log.record_refusal(
            caller,
            opt["action"],
            resource,
            status_code=status,
            reason=str(scope.get("refusal", "")),
            actor=str(scope.get("claimed_actor", "")),
        )
    except (KeelyardError, OSError) as error:
        # The caller is refused all the same; the log line is the trace that is left.
        log.error("audit entry not written", action=opt["action"], error=str(error))  # noqa: TRY400
