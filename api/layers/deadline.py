"""No request takes longer than it may; event streams are meant to stay open."""

from __future__ import annotations

import asyncio

from api.layers.asgi import App, Message, Receive, Scope, Send, header, refuse

SECONDS = 30.0


class Deadline:
    """Ends a request that has not answered in time with 503; one that has begun to answer is cut."""

    def __init__(self, app: App, *, seconds: float = SECONDS) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or "text/event-stream" in (header(scope, b"accept") or ""):
            await self._app(scope, receive, send)
            return
        begun = False

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            async with asyncio.timeout(self._seconds):
                await self._app(scope, receive, watched)
        except TimeoutError:
            if not begun:
                detail = f"The request took longer than {self._seconds:.0f} s and was given up."
                await refuse(scope, send, 503, detail, {"Retry-After": "5"})
