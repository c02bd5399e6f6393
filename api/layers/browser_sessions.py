"""Cookies of a browser as a bearer token, for requests that the browser's own page has made.

A page of another site can make a browser send requests with cookies, but can neither read the token for
`X-CSRF-Token` nor send that header. The token is random and signed, kept in a cookie that pages can read.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from http.cookies import CookieError, SimpleCookie

from api.layers.asgi import App, Receive, Scope, Send, header

SESSION = "keelyard_session"
REFRESH = "keelyard_refresh"
CSRF = "keelyard_csrf"
CSRF_HEADER = "X-CSRF-Token"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class CsrfTokens:
    """Makes and checks the tokens."""

    def __init__(self, secret_key: str) -> None:
        self._key = hashlib.sha256(b"keelyard csrf token\0" + secret_key.encode()).digest()

    def make(self) -> str:
        """A new token."""
        nonce = secrets.token_urlsafe(24)
        return f"{nonce}.{self._signature(nonce)}"

    def hold(self, scope: Scope) -> bool:
        """Whether a request with cookies comes from our own page: one signed token twice, same origin."""
        if (header(scope, b"sec-fetch-site") or "none") not in {"same-origin", "none"}:
            return False
        sent = header(scope, CSRF_HEADER.lower().encode()) or ""
        kept = cookies(scope).get(CSRF, "")
        nonce, _, signature = sent.partition(".")
        return _same(sent, kept) and _same(signature, self._signature(nonce))

    def _signature(self, nonce: str) -> str:
        return hmac.new(self._key, nonce.encode("utf-8", "replace"), hashlib.sha256).hexdigest()


class BrowserSessions:
    """Turns the session cookie into an Authorization header; `csrf_refused` says why it was not."""

    def __init__(self, app: App, tokens: CsrfTokens) -> None:
        self._app = app
        self._tokens = tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and header(scope, b"authorization") is None:
            session = cookies(scope).get(SESSION)
            if session is not None:
                self._take(scope, session)
        await self._app(scope, receive, send)

    def _take(self, scope: Scope, session: str) -> None:
        if scope["method"] in _SAFE or self._tokens.hold(scope):
            bearer = (b"authorization", f"Bearer {session}".encode("latin-1", "replace"))
            scope["headers"] = [*scope["headers"], bearer]
        else:
            scope["csrf_refused"] = True


def cookies(scope: Scope) -> dict[str, str]:
    """The cookies of a request; none when they cannot be read."""
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(header(scope, b"cookie") or "").items()}
    except CookieError:
        return {}


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))
