"""Requests per principal once authenticated, per address before; logins apart from everything else.

Each limit has windows of its own, so that API calls never use up the logins of an address.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from api.layers import refusals
from api.layers.asgi import App, Message, Receive, Scope, Send, refuse
from engine.services.counters import Counters, Limit, Verdict

MINUTE = 60.0
HOUR = 3600.0

_LOGINS = {
    "provisioner": re.compile(r"/api/v1/auth/(login|refresh|session|session/refresh)"),
    "control-plane": re.compile(r"/control-plane/auth/(login|password-reset/(request|confirm))"),
}
_UNLIMITED = re.compile(r"(/px-backup)?/(health|metrics)|/api/v0(/.*)?|/control-plane(/.*)?")
_BY_ADDRESS = re.compile(r"/px-backup(/.*)?")  # as its document says, also for authenticated callers


class Rule(msgspec.Struct, frozen=True):
    """Which windows a request counts in."""

    name: str
    login: bool = False
    by_address: bool = False


def rule_of(path: str) -> Rule | None:
    """The rule for a path, however many slashes it is written with; None for what is not limited."""
    path = re.sub(r"/+", "/", path).rstrip("/") or "/"
    for surface, logins in _LOGINS.items():
        if logins.fullmatch(path):
            return Rule(f"login:{surface}", login=True, by_address=True)
    if _UNLIMITED.fullmatch(path):
        return None
    if _BY_ADDRESS.fullmatch(path):
        return Rule("px-backup", by_address=True)
    return Rule("general")


class RateLimits:
    """Refuses with 429 and `Retry-After`; tells the tightest limit in `RateLimit-*` headers."""

    def __init__(
        self, app: App, counters: Counters, *, per_minute: int, per_hour: int, logins_per_minute: int
    ) -> None:
        self._app = app
        self._counters = counters
        self._general = (Limit(per_minute, MINUTE), Limit(per_hour, HOUR))
        self._logins: Sequence[Limit] = (Limit(logins_per_minute, MINUTE),)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        verdict = await self._judge(scope) if scope["type"] == "http" else None
        if verdict is None:
            await self._app(scope, receive, send)
            return
        told = {
            "ratelimit-limit": str(verdict.limit),
            "ratelimit-remaining": str(verdict.remaining),
            "ratelimit-reset": str(verdict.reset_seconds),
        }
        if verdict.refused:
            await self._refuse(scope, send, verdict, told)
            return
        pairs = [(name.encode(), value.encode()) for name, value in told.items()]

        async def telling(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *pairs]
            await send(message)

        await self._app(scope, receive, telling)

    async def _judge(self, scope: Scope) -> Verdict | None:
        rule = rule_of(scope["path"])
        if rule is None:
            return None
        user = scope.get("user")
        if rule.by_address or user is None:
            subject = f"address:{scope['client_address']}"
        else:
            subject = f"account:{user.account_id}"
        return await self._counters.take(
            f"{rule.name}:{subject}", self._logins if rule.login else self._general
        )

    async def _refuse(self, scope: Scope, send: Send, verdict: Verdict, told: dict[str, str]) -> None:
        seconds = verdict.reset_seconds
        detail = f"Too many requests: {verdict.limit} are allowed in this window. Try again in {seconds} s."
        if verdict.first:
            # Once a window: a flood of requests must not become a flood of entries.
            scope["refusal"] = detail
            await refusals.record_unrouted(scope, "rate-limit:exceed", 429)
        await refuse(scope, send, 429, detail, {"Retry-After": str(seconds), **told})
