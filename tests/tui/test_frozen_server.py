"""A server that stops without a word: no end of a connection tells of it, only silence."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import httpx
import pytest

from engine.services import following
from tui.calls import streams
from tui.client import Client
from tui.live import Live
from tui.live_state import Connection

_TOKENS = (
    b'{"access_token": "a", "refresh_token": "r", "token_type": "bearer", "expires_in": 1800,'
    b' "user": {"id": "1", "email": "ana@example.com", "role": "admin", "full_name": "Ana"}}'
)
_SNAPSHOT = b'event: snapshot\ndata: {"jobs": [], "clusters": []}\n\n'


@contextlib.asynccontextmanager
async def frozen() -> AsyncIterator[str]:
    """Answers a login, begins a stream, and says nothing any more."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                if head.startswith(b"POST"):
                    size = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
                    await reader.readexactly(size)
                    writer.write(
                        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                        + f"Content-Length: {len(_TOKENS)}\r\n\r\n".encode()
                        + _TOKENS
                    )
                else:
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + _SNAPSHOT)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_a_server_that_freezes_is_noticed_by_its_silence(monkeypatch: pytest.MonkeyPatch):
    assert 2 * following.PING_SECONDS < (streams._STREAM_TIMEOUT.read or 0) <= 20
    monkeypatch.setattr(streams, "_STREAM_TIMEOUT", httpx.Timeout(15.0, read=0.3))
    async with frozen() as url:
        client = Client(url)
        await client.sign_in("ana@example.com", "any")
        lost = asyncio.Event()
        was_live = False

        def look() -> None:
            nonlocal was_live
            was_live |= client.live.is_live
            if was_live and client.live.connection is Connection.LOST:
                lost.set()

        watching = asyncio.create_task(Live(client, lambda _: None, look).run())
        async with asyncio.timeout(30):
            await lost.wait()
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await client.close()
