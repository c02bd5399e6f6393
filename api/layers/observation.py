"""The outermost layer: correlation id in and out, security headers, one log line and measurement each."""

from __future__ import annotations

import re
import time
import uuid

import structlog

from api import metrics
from api.layers.asgi import App, Message, Networks, Receive, Scope, Send, client_address, header, secure

_ACCEPTABLE_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_API_POLICY = b"default-src 'none'; frame-ancestors 'none'"
# The viewers of the documentation set styles in place, draw from data: and search in a worker of their own.
_PAGE_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    b"connect-src 'self'; worker-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PAGES = frozenset({"/docs", "/redoc"})
_SECURITY_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
]
# Only told through TLS: over plain HTTP browsers ignore it, and a lab without TLS must stay reachable.
_STRICT_TRANSPORT = (b"strict-transport-security", b"max-age=31536000")

log = structlog.get_logger("api")


class Observation:
    """Knows every request from its first to its last byte."""

    def __init__(self, app: App, *, proxies: Networks) -> None:
        self._app = app
        self._proxies = proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = header(scope, b"x-request-id") or ""
        correlation_id = given if _ACCEPTABLE_ID.fullmatch(given) else str(uuid.uuid4())
        scope["correlation_id"] = correlation_id
        scope["client_address"] = client_address(scope, self._proxies)
        scope["secure"] = secure(scope, self._proxies)
        own_headers = _headers(scope["path"], correlation_id)
        if scope["secure"]:
            own_headers.append(_STRICT_TRANSPORT)
        status = 0

        async def observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                present = {name for name, _ in message.get("headers", [])}
                message["headers"] = [
                    *message.get("headers", []),
                    *(pair for pair in own_headers if pair[0] not in present),
                ]
            await send(message)

        structlog.contextvars.bind_contextvars(correlation_id=correlation_id)
        began = time.perf_counter()
        try:
            await self._app(scope, receive, observed)
        finally:
            _tell(scope, status, time.perf_counter() - began)
            structlog.contextvars.unbind_contextvars("correlation_id")


def _headers(path: str, correlation_id: str) -> list[tuple[bytes, bytes]]:
    policy = _PAGE_POLICY if path.rstrip("/") in _PAGES else _API_POLICY
    return [
        (b"x-request-id", correlation_id.encode()),
        (b"content-security-policy", policy),
        (b"cache-control", b"no-store"),
        *_SECURITY_HEADERS,
    ]


def _tell(scope: Scope, status: int, seconds: float) -> None:
    # The template, not the path: one label per route, never one per id.
    route = scope.get("path_template") or "unmatched"
    metrics.observe(scope["method"], route, status, seconds)
    principal = scope.get("user")
    log.info(
        "request",
        method=scope["method"],
        path=scope["path"][:200],
        status=status or "disconnected",
        milliseconds=round(seconds * 1000, 1),
        address=scope["client_address"],
        actor=principal.email if principal else None,
    )
