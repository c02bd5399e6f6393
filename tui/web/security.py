"""What every answer tells the browser to refuse, and which requests cannot be of our own pages."""

from __future__ import annotations

import hashlib
import hmac
import secrets

from aiohttp import hdrs, web

from tui.web.settings import Address

SESSION_COOKIE = "keelyard_terminal"
FORM_COOKIE = "keelyard_terminal_form"
FORM_SECONDS = 3600
NONCE: web.RequestKey[str] = web.RequestKey("nonce", str)

_KEY = secrets.token_bytes(32)


def headers(request: web.Request, response: web.StreamResponse, address: Address) -> None:
    """No foreign hosts, no frames, no guessing of types, no traces in caches and referrers."""
    nonce = request.get(NONCE, "")
    styles = f"'self' 'nonce-{nonce}'" if nonce else "'self'"
    # Older browsers do not count a WebSocket as 'self'; an IPv6 address is no source that the policy knows.
    named = sorted(origin for origin in address.origins if "[" not in origin)
    sockets = " ".join(f"ws{origin.removeprefix('http')}" for origin in named)
    response.headers.update(
        {
            "Content-Security-Policy": (
                f"default-src 'none'; script-src 'self'; style-src {styles}; font-src 'self'; "
                f"img-src 'self' data:; connect-src 'self' {sockets}; form-action 'self'; "
                "frame-ancestors 'none'; base-uri 'none'"
            ),
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "Referrer-Policy": "same-origin",  # with no-referrer browsers would not name our forms' origin
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        }
    )
    response.headers.setdefault(hdrs.CACHE_CONTROL, "no-store")
    if address.secure:
        response.headers["Strict-Transport-Security"] = "max-age=31536000"
    response.headers.pop(hdrs.SERVER, None)


def nonce(request: web.Request) -> str:
    """The nonce of this page's own styles."""
    if NONCE not in request:
        request[NONCE] = secrets.token_urlsafe(16)
    return request[NONCE]


def is_ours(request: web.Request, address: Address) -> bool:
    """Whether one of our own pages sent it: browsers name the page's origin, and pages cannot choose it."""
    return request.headers.get(hdrs.ORIGIN, "") in address.origins


def fresh() -> str:
    """A value that nobody guesses."""
    return secrets.token_urlsafe(32)


def form_token(cookie: str) -> str:
    """The token of a form, for the browser that holds this cookie."""
    return hmac.new(_KEY, cookie.encode(), hashlib.sha256).hexdigest()


def is_form_of(request: web.Request, token: str) -> bool:
    """Whether the login form was made for this browser, by this server."""
    cookie = request.cookies.get(FORM_COOKIE, "")
    return bool(cookie) and hmac.compare_digest(form_token(cookie).encode(), token.encode())


def set_cookie(
    response: web.StreamResponse, address: Address, name: str, value: str, max_age: int | None = None
) -> None:
    """A cookie that no script reads, no other site sends and no other path sees."""
    response.set_cookie(
        name,
        value,
        path=address.prefix or "/",
        max_age=max_age,
        httponly=True,
        secure=address.secure,
        samesite="Strict",
    )
