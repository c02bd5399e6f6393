"""A terminal server in the test's own event loop, and a browser that is only a client."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
from multidict import CIMultiDict

from tests.contract import harness
from tui.web.server import TerminalServer
from tui.web.settings import Address, WebSettings

PATIENCE_SECONDS = 60.0


class Browser:
    """Cookies, an origin, and no idea of scripts."""

    def __init__(self, url: str, origin: str, prefix: str) -> None:
        self.url = url
        self.origin = origin
        self.prefix = prefix
        self.http = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))

    async def get(self, path: str, **headers: str) -> tuple[int, str, dict[str, str]]:
        """Status, text and headers, redirects not followed."""
        async with self.http.get(
            f"{self.url}{self.prefix}{path}", headers=headers, allow_redirects=False
        ) as answer:
            return await self._told(answer)

    async def post(self, path: str, **fields: str) -> tuple[int, str, dict[str, str]]:
        """A form, sent from the page's own origin unless `origin` says another."""
        origin = fields.pop("origin", self.origin)
        async with self.http.post(
            f"{self.url}{self.prefix}{path}",
            data=urlencode(fields),
            headers={"Origin": origin, "Content-Type": "application/x-www-form-urlencoded"},
            allow_redirects=False,
        ) as answer:
            return await self._told(answer)

    async def _told(self, answer: aiohttp.ClientResponse) -> tuple[int, str, dict[str, str]]:
        # The test's proxies speak no TLS; a browser in front of a real one keeps what is for TLS only.
        self.http.cookie_jar.update_cookies({name: kept.value for name, kept in answer.cookies.items()})
        return answer.status, await answer.text(), dict(answer.headers)

    async def form(self) -> str:
        """The token of a fresh login form."""
        return token(await self.get("/login"))

    async def sign_in(self, **fields: str) -> tuple[int, str, dict[str, str]]:
        """Fills the login form in and sends it."""
        given = {"token": await self.form(), "email": harness.ADMIN, "password": harness.PASSWORD}
        return await self.post("/login", **(given | fields))

    @asynccontextmanager
    async def terminal(self, path: str = "clusters", **changes: str) -> AsyncIterator[Terminal]:
        """The terminal of a tab, as the page's script opens it."""
        page = await self.get(f"/{path}")
        socket = f"{self.prefix}/ws/{changes.get('token') or token(page)}/{path}?width=80&height=24"
        headers = {"Origin": changes.get("origin", self.origin)}
        async with self.http.ws_connect(f"{self.url}{socket}", headers=headers) as websocket:
            yield Terminal(websocket)


class Terminal:
    """What a tab is told."""

    def __init__(self, websocket: aiohttp.ClientWebSocketResponse) -> None:
        self.websocket = websocket
        self.drawn = ""

    async def sees(self, words: str) -> None:
        """Waits until the app has drawn these words."""
        await self._until(lambda _: words in self.drawn)

    async def told(self, kind: str) -> Any:
        """Waits for a message to the page's script."""
        return json.loads(await self._until(lambda message: f'["{kind}"' in message))[1]

    async def ended(self) -> tuple[int, str]:
        """Waits for the end, and says which."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                message = await self.websocket.receive()
                if message.type is aiohttp.WSMsgType.CLOSE:
                    return message.data, str(message.extra or "")
                assert message.type in {aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT}, message

    async def press(self, keys: str) -> None:
        """Sends keys, and waits until the server has had them."""
        await self.websocket.send_json(["stdin", keys])
        await self.websocket.send_json(["ping", "1"])
        await self.told("pong")

    async def _until(self, met: Callable[[str], bool]) -> str:
        text = ""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not met(text):
                message = await self.websocket.receive()
                assert message.type in {aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT}, (
                    message,
                    self.drawn,
                )
                text = message.data if message.type is aiohttp.WSMsgType.TEXT else ""
                if message.type is aiohttp.WSMsgType.BINARY:
                    self.drawn += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", message.data.decode())
        return text


def token(page: tuple[int, str, dict[str, str]]) -> str:
    """The token in a page's form."""
    found = re.search(r'name="token" value="([^"]+)"', page[1])
    assert found is not None, page
    return found[1]


class Front:
    """One server, and as many browsers as a test wants."""

    def __init__(self, server: TerminalServer, url: str, settings: WebSettings) -> None:
        self.server = server
        self.url = url
        self.settings = settings
        self._browsers: list[Browser] = []

    def browser(self, url: str = "", prefix: str | None = None) -> Browser:
        """A browser with no cookies yet."""
        address = self.settings.address
        origin = next(iter(sorted(address.origins)))
        made = Browser(url or self.url, origin, address.prefix if prefix is None else prefix)
        self._browsers.append(made)
        return made

    async def close(self) -> None:
        """No browser is left open."""
        for browser in self._browsers:
            await browser.http.close()


@asynccontextmanager
async def fronting(
    api_url: str, *, public_url: str = "http://localhost:3001", **options: Any
) -> AsyncIterator[Front]:
    """A terminal server for as long as the block lasts."""
    settings = WebSettings(address=Address.of(public_url), api_url=api_url, **options)
    server = TerminalServer(settings)
    running = TestServer(server.application())
    await running.start_server()
    front = Front(server, str(running.make_url("")).rstrip("/"), settings)
    try:
        yield front
    finally:
        await front.close()
        await running.close()


@asynccontextmanager
async def proxying(target: str, *, at: str, strip: bool) -> AsyncIterator[str]:
    """A reverse proxy that serves `target` under a path, which it takes away or passes on."""

    async def forward(request: web.Request) -> web.StreamResponse:
        path = request.path_qs.removeprefix(at) if strip else request.path_qs
        kept = {"Cookie", "Origin", "Content-Type", "Sec-Fetch-Site"}
        headers = {name: value for name, value in request.headers.items() if name in kept}
        headers["X-Forwarded-For"] = "198.51.100.23"
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await _carry(request, http, f"{target}{path}", headers)
        async with http.request(
            request.method,
            f"{target}{path}",
            headers=headers,
            data=await request.read(),
            allow_redirects=False,
        ) as answer:
            body = await answer.read()
            passed = [
                (name, value)
                for name, value in answer.headers.items()
                if name not in {"Content-Length", "Transfer-Encoding", "Date"}
            ]
            return web.Response(
                status=answer.status,
                body=body,
                headers=CIMultiDict(passed),
            )

    application = web.Application()
    application.router.add_route("*", at + "/{path:.*}", forward)
    running = TestServer(application)
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        await running.start_server()
        try:
            yield str(running.make_url("")).rstrip("/")
        finally:
            await running.close()


async def _carry(
    request: web.Request, http: aiohttp.ClientSession, url: str, headers: dict[str, str]
) -> web.StreamResponse:
    async with http.ws_connect(url, headers=headers) as behind:
        before = web.WebSocketResponse()
        await before.prepare(request)

        async def up() -> None:
            async for message in before:
                await behind.send_str(message.data)
            await behind.close()

        carrying = asyncio.create_task(up())
        async for message in behind:
            if message.type is aiohttp.WSMsgType.BINARY:
                await before.send_bytes(message.data)
            elif message.type is aiohttp.WSMsgType.TEXT:
                await before.send_str(message.data)
        await before.close(code=behind.close_code or 1000)
        await carrying
    return before
