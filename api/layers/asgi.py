"""What the layers share: ASGI's types and replies made without the framework."""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

from api import errors

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Networks = Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network]


def header(scope: Scope, name: bytes) -> str | None:
    """The first value of a request header (lower-case name)."""
    value = next((value for key, value in scope["headers"] if key == name), None)
    return value.decode("latin-1") if value is not None else None


async def refuse(
    scope: Scope, send: Send, status: int, detail: str, headers: dict[str, str] | None = None
) -> None:
    """Answer with an error, in the path's shape, before the application is reached."""
    rendered = errors.renderer(scope["path"])(status, detail, scope.get("correlation_id", ""), None)
    every = {
        "content-type": rendered.media_type,
        "content-length": str(len(rendered.body)),
        **errors.headers_for(status),
        **(headers or {}),
    }
    pairs = [(name.lower().encode(), value.encode()) for name, value in every.items()]
    await send({"type": "http.response.start", "status": rendered.status, "headers": pairs})
    await send({"type": "http.response.body", "body": rendered.body, "more_body": False})


def networks(text: str) -> Networks:
    """Comma-separated networks of a setting; raises ValueError naming the one that is none."""
    return [ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip()]


def within(address: str, among: Networks) -> bool:
    """Whether an address lies in one of the networks; what is no address never does."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(parsed.version == network.version and parsed in network for network in among)


def secure(scope: Scope, proxies: Networks) -> bool:
    """Whether the caller speaks TLS: with this server, or with a trusted proxy that says so."""
    if scope.get("scheme") == "https":
        return True
    client = scope.get("client")
    trusted = client is not None and within(str(client[0]), proxies)
    return trusted and (header(scope, b"x-forwarded-proto") or "").strip().lower() == "https"


def client_address(scope: Scope, proxies: Networks) -> str:
    """Who is asking: the peer, or, behind trusted proxies, the nearest address that is none of them."""
    client = scope.get("client")
    peer = str(client[0]) if client else ""
    if not proxies or not within(peer, proxies):
        return peer
    forwarded = header(scope, b"x-forwarded-for") or ""
    for hop in reversed([part.strip() for part in forwarded.split(",") if part.strip()]):
        if not within(hop, proxies):
            return hop[:64]
    return peer
