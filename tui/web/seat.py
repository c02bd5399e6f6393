"""One terminal in one tab: its process, from the first byte to the certainty that it is gone."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
import sys
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol, override
from urllib.parse import urlsplit

import msgspec
from aiohttp import web
from textual_serve._binary_encode import load as unpacked
from textual_serve.app_service import AppService
from textual_serve.download_manager import DownloadManager

from tui.web import lending
from tui.web.closing import FAILED, LEFT, Closing

log = logging.getLogger("keelyard.tui.web")

GRACE_SECONDS = 2.0
_CHUNK_BYTES = 1 << 16
_CHUNK_SECONDS = 30.0
# What a terminal needs of the web server's environment: where programs are, its language, and the way out.
_INHERITED = frozenset(
    {
        *("PATH", "PYTHONPATH", "PYTHONHOME", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "TZ"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
        *("http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    }
)


class Holder(Protocol):
    """The sign-in that a seat belongs to."""

    lender: lending.Lender

    async def ended(self, reason: str) -> None:
        """The API no longer knows the sign-in."""

    async def left(self) -> None:
        """The person signs out."""


@dataclass
class Download:
    """A file on its way to the browser."""

    name: str
    chunks: asyncio.Queue[bytes] = field(default_factory=asyncio.Queue[bytes])


class Seat(AppService):
    """Speaks textual-serve's protocol with a process bound to this server, the tab and the sign-in."""

    def __init__(
        self,
        holder: Holder,
        websocket: web.WebSocketResponse,
        path: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(
            "",
            write_bytes=websocket.send_bytes,
            write_str=websocket.send_str,
            close=partial(LEFT.tell, websocket),
            download_manager=DownloadManager(),
        )
        self.downloads: dict[str, Download] = {}
        self.touched = clock()
        self._holder = holder
        self._websocket = websocket
        self._path = path
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        """The process, or 0 before there is one."""
        return self._process.pid if self._process else 0

    # --- the process ---

    @override
    async def start(self, width: int, height: int) -> None:
        """Starts the process and hands it the sign-in. Raises ApiError when that is no longer good."""
        lender = self._holder.lender
        opening = lending.Opening(lender.url, lender.client_address, lender.read_only, await lender.tokens())
        process = await self._open_app_process(width, height)
        self._tasks = [
            asyncio.create_task(self._lend(opening), name=f"line of {process.pid}"),
            asyncio.create_task(self._show(process), name=f"screen of {process.pid}"),
        ]

    @override
    async def _open_app_process(self, width: int = 80, height: int = 24) -> Process:
        ours, theirs = socket.socketpair()
        options = {"--line": theirs.fileno(), "--parent": os.getpid(), "--open": self._path}
        with theirs:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "tui.web.child",
                *(f"{name}={value}" for name, value in options.items()),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                pass_fds=[theirs.fileno()],
                env=self._build_environment(width, height),
                start_new_session=True,  # a process group of its own, to be ended as a whole
                cwd="/",
            )
        self._line = ours
        self._stdin = self._process.stdin
        return self._process

    @override
    def _build_environment(self, width: int = 80, height: int = 24) -> dict[str, str]:
        told = {name: value for name, value in os.environ.items() if name in _INHERITED}
        return told | {
            "TEXTUAL_DRIVER": "textual.drivers.web_driver:WebDriver",
            "TEXTUAL_COLOR_SYSTEM": "truecolor",
            "TERM": "xterm-256color",
            "COLUMNS": str(width),
            "ROWS": str(height),
        }

    async def _lend(self, opening: lending.Opening) -> None:
        reader, writer = await asyncio.open_connection(sock=self._line, limit=lending.LINE_BYTES)
        try:
            writer.write(lending.encoded(opening))
            while wish := await reader.readline():
                asked = msgspec.json.decode(wish, type=lending.Wish)
                if asked.sign_out:
                    await self._holder.left()
                    return
                loan = await self._holder.lender.lend(asked)
                writer.write(lending.encoded(loan))
                if loan.refusal == "ended":
                    await self._holder.ended(loan.reason)
        except (OSError, msgspec.DecodeError):
            log.warning("a terminal's line broke", extra={"pid": self.pid})
        finally:
            writer.close()

    async def _show(self, process: Process) -> None:
        """Carries what the app draws to the browser, until the app ends."""
        assert process.stdout is not None
        closing = FAILED
        try:
            while await process.stdout.readline() != b"__GANGLION__\n":
                if process.stdout.at_eof():
                    return
            async for kind, payload in packets(process.stdout):
                if kind == b"D":
                    await self._websocket.send_bytes(payload)
                elif kind == b"M":
                    await self.on_meta(payload)
                elif kind == b"P":
                    await self.on_packed(payload)
            closing = LEFT if await process.wait() == 0 else FAILED
        except ConnectionError:
            pass  # the tab has gone; whoever waits for its messages sees that as well
        finally:
            await closing.tell(self._websocket)

    async def stop(self) -> None:
        """Ends the process and all it started: asked first, killed after a moment."""
        if self._stopping is None:
            self._stopping = asyncio.create_task(self._stop(), name=f"stop {self.pid}")
        await asyncio.shield(self._stopping)

    async def _stop(self) -> None:
        process = self._process
        if process is not None:
            self._signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(GRACE_SECONDS):
                    await process.wait()
            except TimeoutError:
                log.warning("a terminal did not end when asked", extra={"pid": process.pid})
                self._signal(signal.SIGKILL)
                await process.wait()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _signal(self, number: int) -> None:
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    async def dismiss(self, closing: Closing) -> None:
        """Tells the tab why, and ends the process whether or not the tab still hears it."""
        await asyncio.gather(self.stop(), closing.tell(self._websocket))

    # --- what the app asks of the browser ---

    @override
    async def on_meta(self, data: bytes) -> None:
        """Messages of the app beside what it draws."""
        told = json.loads(data)
        if told["type"] == "open_url":
            if urlsplit(str(told["url"])).scheme in {"http", "https"}:
                await self._tell("open_url", {"url": told["url"], "new_tab": True})
        elif told["type"] == "deliver_file_start":
            name = os.path.basename(str(told["path"]))  # noqa: PTH119 - a name for another machine, no path here
            self.downloads[str(told["key"])] = Download(name)
            await self._tell("keelyard_download", {"key": told["key"], "name": name})

    @override
    async def on_packed(self, payload: bytes) -> None:
        """A piece of a file."""
        match unpacked(payload):
            case ["deliver_chunk" | b"deliver_chunk", key, bytes() | str() as piece] | (
                "deliver_chunk" | b"deliver_chunk",
                key,
                bytes() | str() as piece,
            ):
                if (download := self.downloads.get(str(key))) is not None:
                    download.chunks.put_nowait(piece.encode() if isinstance(piece, str) else piece)

    async def _tell(self, kind: str, told: object) -> None:
        await self._websocket.send_str(json.dumps([kind, told]))

    async def delivered(self, key: str) -> AsyncIterator[bytes]:
        """The pieces of a file. Raises KeyError, TimeoutError when the app stops sending."""
        download = self.downloads[key]
        try:
            while True:
                await self.send_meta({"type": "deliver_chunk_request", "key": key, "size": _CHUNK_BYTES})
                async with asyncio.timeout(_CHUNK_SECONDS):
                    piece = await download.chunks.get()
                if not piece:
                    return
                yield piece
        finally:
            self.downloads.pop(key, None)


async def packets(stream: asyncio.StreamReader) -> AsyncIterator[tuple[bytes, bytes]]:
    """The packets of an app: a letter, four bytes of length, the payload."""
    with contextlib.suppress(asyncio.IncompleteReadError):
        while True:
            head = await stream.readexactly(5)
            yield head[:1], await stream.readexactly(int.from_bytes(head[1:], "big"))
