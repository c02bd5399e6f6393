"""No request takes longer than it may; event streams stay open as long as their reader reads."""

from __future__ import annotations

import asyncio

import structlog

from api.layers.asgi import App, Message, Receive, Scope, Send, header, refuse

STREAM = "keelyard.stream"  # member of a scope: the generator that is streamed
_LOG = structlog.get_logger(__name__)
SECONDS = 30.0
STALLED_SECONDS = 60.0  # a stream's reader that takes nothing for so long has gone, or never was one


class Deadline:
    """Ends a request that has not answered in time with 503; one that has begun to answer is cut, and so is
    a stream whose reader does not read.
    """

    def __init__(self, app: App, *, seconds: float = SECONDS) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if "text/event-stream" in (header(scope, b"accept") or ""):
            await self._stream(scope, receive, send)
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

    async def _stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        stalled = False

        async def taken(message: Message) -> None:
            nonlocal stalled
            try:
                async with asyncio.timeout(STALLED_SECONDS):
                    await send(message)
            except TimeoutError:
                stalled = True
                raise

        try:
            await self._app(scope, receive, taken)
        except Exception:
            if not stalled:
                raise
            _LOG.info("A stream was ended: its reader does not read.", path=scope["path"])
        finally:
            if (told := scope.pop(STREAM, None)) is not None:
                await told.aclose()
