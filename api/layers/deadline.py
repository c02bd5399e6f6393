"""No request takes longer than it may; files take their time, streams stay open while their reader reads."""

from __future__ import annotations

import asyncio

import structlog

from api.layers.asgi import App, Message, Receive, Scope, Send, header, refuse

STREAM = "keelyard.stream"  # member of a scope: the generator that is streamed
_LOG = structlog.get_logger(__name__)
SECONDS = 30.0
STALLED_SECONDS = 60.0  # a stream's reader that takes nothing for so long has gone, or never was one
_LONG = (b"text/event-stream", b"text/csv", b"application/jsonl")


class Deadline:
    """Ends a request that has not answered in time with 503, or 408 when it has not been sent in time.

    An answer that has begun is cut, unless it is a file or of a type that may be long, and so is a stream
    whose reader does not read.
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
        received = not _has_body(scope)

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received = received or not message.get("more_body", False)
            return message

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = True
            if message["type"] == "http.response.start" and _is_long(message):
                time_left.reschedule(None)
            await send(message)

        try:
            async with asyncio.timeout(self._seconds) as time_left:
                await self._app(scope, counted, watched)
        except TimeoutError:
            if begun:
                return
            if received:
                detail = f"The request took longer than {self._seconds:.0f} s and was given up."
                await refuse(scope, send, 503, detail, {"Retry-After": "5"})
            else:
                detail = f"The body of the request did not arrive within {self._seconds:.0f} s."
                await refuse(scope, send, 408, detail, {"Connection": "close"})

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


def _has_body(scope: Scope) -> bool:
    return (header(scope, b"content-length") or "0") != "0" or header(scope, b"transfer-encoding") is not None


def _is_long(message: Message) -> bool:
    told = {name.lower(): value for name, value in message.get("headers", [])}
    is_file = told.get(b"content-disposition", b"").startswith(b"attachment")
    return is_file or bool(told.get(b"content-type", b"").startswith(_LONG))
