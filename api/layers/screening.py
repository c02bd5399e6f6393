"""Refuses what no honest client sends, before anything looks at it."""

from __future__ import annotations

from api.layers.asgi import App, Receive, Scope, Send, refuse

MAXIMUM_HEADERS = 100
MAXIMUM_HEADER_BYTES = 32 * 1024
MAXIMUM_PATH = 4096
MAXIMUM_QUERY = 16 * 1024

# Where two of them disagree, two readers of the request would disagree as well.
_SINGLE = frozenset(
    {b"authorization", b"content-length", b"content-type", b"content-encoding", b"host", b"cookie"}
)


class Screening:
    """Headers too many or too large (431), twice what must be once (400), paths that are none (400, 414)."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        verdict = _judge(scope) if scope["type"] == "http" else None
        if verdict is None:
            await self._app(scope, receive, send)
        else:
            await refuse(scope, send, *verdict)


def _judge(scope: Scope) -> tuple[int, str] | None:
    return _headers(scope["headers"]) or _target(scope["path"], scope.get("query_string", b""))


def _headers(pairs: list[tuple[bytes, bytes]]) -> tuple[int, str] | None:
    if len(pairs) > MAXIMUM_HEADERS:
        return 431, f"There are {len(pairs)} headers; {MAXIMUM_HEADERS} are the most."
    size = sum(len(name) + len(value) for name, value in pairs)
    if size > MAXIMUM_HEADER_BYTES:
        return 431, f"The headers have {size} bytes; {MAXIMUM_HEADER_BYTES} are the most."
    seen: set[bytes] = set()
    for name, value in pairs:
        if name in _SINGLE and name in seen:
            return 400, f"The header {name.decode('ascii')} comes twice."
        if name == b"content-encoding" and value.strip().lower() != b"identity":
            return 415, "The body is compressed; this server takes it as it is."
        seen.add(name)
    return None


def _target(path: str, query: bytes) -> tuple[int, str] | None:
    if len(path) > MAXIMUM_PATH or len(query) > MAXIMUM_QUERY:
        return 414, "The address is too long."
    if any(ord(character) < 32 or ord(character) == 127 for character in path):
        return 400, "The path has control characters."
    return None
