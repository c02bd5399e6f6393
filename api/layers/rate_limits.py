"""Requests per principal once authenticated, per address before; logins apart from everything else.

Buckets live in this process. Each limit has its own, so that API calls never use up the logins of an address.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import msgspec

from api.layers.asgi import App, Message, Receive, Scope, Send, refuse

MINUTE = 60.0
HOUR = 3600.0
MAXIMUM_KEYS = 50_000

LOGIN_PATHS = frozenset({"/api/v1/auth/login", "/api/v1/auth/refresh"})
UNLIMITED_PATHS = frozenset({"/health", "/metrics"})


class Limit(msgspec.Struct, frozen=True):
    """So many requests in so many seconds; none when `count` is 0."""

    count: int
    seconds: float


class Verdict(msgspec.Struct, frozen=True):
    """What a bucket says to one request."""

    limit: int
    remaining: int
    reset_seconds: int
    refused: bool = False


class Bucket:
    """Counts per key in windows that begin with a key's first request."""

    def __init__(self, limit: Limit, clock: Callable[[], float] = time.monotonic) -> None:
        self.limit = limit
        self._clock = clock
        self._windows: dict[str, tuple[float, int]] = {}

    def take(self, key: str) -> Verdict:
        """Count one request of a key."""
        now = self._clock()
        began, used = self._windows.get(key, (now, 0))
        if now - began >= self.limit.seconds:
            began, used = now, 0
        reset = max(1, math.ceil(began + self.limit.seconds - now))
        if used >= self.limit.count:
            return Verdict(self.limit.count, 0, reset, refused=True)
        if key not in self._windows and len(self._windows) >= MAXIMUM_KEYS:
            self._forget(now)
        self._windows[key] = (began, used + 1)
        return Verdict(self.limit.count, self.limit.count - used - 1, reset)

    def _forget(self, now: float) -> None:
        """Drop what has run out, or, when a flood of keys leaves nothing to drop, everything."""
        live = {key: window for key, window in self._windows.items() if now - window[0] < self.limit.seconds}
        self._windows = live if len(live) < MAXIMUM_KEYS else {}


class RateLimits:
    """Refuses with 429 and `Retry-After`; tells the tightest limit in `RateLimit-*` headers."""

    def __init__(self, app: App, *, per_minute: int, per_hour: int, logins_per_minute: int) -> None:
        self._app = app
        self._general = _buckets(Limit(per_minute, MINUTE), Limit(per_hour, HOUR))
        self._logins = _buckets(Limit(logins_per_minute, MINUTE))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in UNLIMITED_PATHS:
            await self._app(scope, receive, send)
            return
        verdict = self._judge(scope)
        if verdict is None:
            await self._app(scope, receive, send)
            return
        told = {
            "ratelimit-limit": str(verdict.limit),
            "ratelimit-remaining": str(verdict.remaining),
            "ratelimit-reset": str(verdict.reset_seconds),
        }
        if verdict.refused:
            seconds = verdict.reset_seconds
            detail = (
                f"Too many requests: {verdict.limit} are allowed in this window. Try again in {seconds} s."
            )
            await refuse(scope, send, 429, detail, {"Retry-After": str(seconds), **told})
            return
        pairs = [(name.encode(), value.encode()) for name, value in told.items()]

        async def telling(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *pairs]
            await send(message)

        await self._app(scope, receive, telling)

    def _judge(self, scope: Scope) -> Verdict | None:
        if scope["path"].rstrip("/") in LOGIN_PATHS:
            buckets, key = self._logins, f"address:{scope['client_address']}"
        else:
            user = scope.get("user")
            key = f"account:{user.account_id}" if user else f"address:{scope['client_address']}"
            buckets = self._general
        verdicts = [bucket.take(key) for bucket in buckets]
        return min(verdicts, key=lambda verdict: (not verdict.refused, verdict.remaining), default=None)


def _buckets(*limits: Limit) -> list[Bucket]:
    return [Bucket(limit) for limit in limits if limit.count > 0]
