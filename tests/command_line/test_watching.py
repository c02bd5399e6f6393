"""`get -w` over a server that comes and goes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from tests.standins.provisioner_api import PASSWORD, ProvisionerApi
from tests.standins.provisioner_bodies import EMAIL
from tui.client import Client
from tui.command_line import resources, watching
from tui.command_line.reading import Reader, Wanted


class News:
    """Streams of news that end when they are told to."""

    def __init__(self) -> None:
        self.opened = 0
        self._frames: asyncio.Queue[bytes] = asyncio.Queue()

    def tell(self, frame: bytes) -> None:
        """Nothing ends the stream, as a server does that stops."""
        self._frames.put_nowait(frame)

    @asynccontextmanager
    async def everything(self) -> AsyncIterator[httpx.Response]:
        self.opened += 1
        yield httpx.Response(200, content=self._told())

    async def _told(self) -> AsyncIterator[bytes]:
        yield b"event: snapshot\ndata: {}\n\n"
        while frame := await self._frames.get():
            yield frame


async def test_a_watch_goes_on_when_the_server_is_back(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(watching, "_LEAST_SECONDS", 0.0)
    monkeypatch.setattr(watching, "_FIRST_WAIT_SECONDS", 0.01)
    api, news = ProvisionerApi(), News()
    client = Client("http://127.0.0.1:8000", transport=api.transport)
    monkeypatch.setattr(client, "everything", news.everything)
    await client.sign_in(EMAIL, PASSWORD)
    clusters = resources.named("clusters")
    said: list[str] = []

    async def until(words: str, stream: str = "out") -> None:
        async with asyncio.timeout(30):
            while words not in "".join(said):
                said.append(getattr(capsys.readouterr(), stream))
                await asyncio.sleep(0.01)

    watch = asyncio.create_task(
        watching.follow(client, Reader(client, Wanted(resource=clusters)), clusters, "json")
    )
    await until('"status": "running"')
    api.down = True
    news.tell(b"event: cluster\ndata: {}\n\n")
    await until("Waiting for it.", "err")
    news.tell(b"")
    api.clusters[0]["status"] = "failed"
    api.down = False
    await until('"status": "failed"')
    watch.cancel()
    await asyncio.wait({watch})
    await client.close()

    last = json.loads("".join(said).strip().splitlines()[-1])
    assert (last["change"], last["cluster"]["name"]) == ("changed", "edge-07")
    assert watch.cancelled()
