"""Reads what a refused request still sends, so that its sender lives to see the refusal.

A connection closed over unread bytes is reset, and the answer on its way is lost with it.
"""

from __future__ import annotations

import asyncio
import contextlib

from api.layers.asgi import App, Message, Receive, Scope, Send, header

MAXIMUM_BYTES = 32 * 1024 * 1024
SECONDS = 5.0


class Drain:
    """Before an error is sent, takes in the rest of the body, up to a size and for a time."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _has_body(scope):
            await self._app(scope, receive, send)
            return
        finished = False

        async def counted() -> Message:
            nonlocal finished
            message = await receive()
            if message["type"] == "http.disconnect" and not finished:
                scope["body_broken"] = True
            finished = not message.get("more_body", False)
            return message

        async def drained(message: Message) -> None:
            refused = message["type"] == "http.response.start" and message["status"] >= 400
            # After 408 the rest has been waited for long enough.
            if refused and not finished and message["status"] != 408:
                await _drain(counted)
            await send(message)

        await self._app(scope, counted, drained)


def _has_body(scope: Scope) -> bool:
    return (header(scope, b"content-length") or "0") != "0" or header(scope, b"transfer-encoding") is not None


async def _drain(receive: Receive) -> None:
    left = MAXIMUM_BYTES
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(SECONDS):
            while left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                if not message.get("more_body", False):
                    return
