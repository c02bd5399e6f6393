"""A browser terminal in front of a real API, as its own program or in the test's event loop."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
import psutil

ROOT = Path(__file__).parents[3]
PATIENCE_SECONDS = 60.0


def free_port() -> int:
    """A port nobody has at the moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class Program:
    """`keelyard tui --web`, running."""

    def __init__(self, api_url: str, port: int, *options: str) -> None:
        self.url = f"http://localhost:{port}"
        self._command = [
            *(sys.executable, "-m", "engine.processes", "tui", "--web", "--url", api_url),
            *("--port", str(port), *options),
        ]
        self.process: asyncio.subprocess.Process | None = None
        self.log = b""

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    async def start(self) -> None:
        """Start, and wait until it answers."""
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        self.process = await asyncio.create_subprocess_exec(
            *self._command, env=environment, stderr=asyncio.subprocess.PIPE
        )
        assert self.process.stderr is not None
        self._reader = asyncio.create_task(self._read(self.process.stderr))
        async with httpx.AsyncClient() as client, asyncio.timeout(PATIENCE_SECONDS):
            while self.process.returncode is None:
                try:
                    assert (await client.get(f"{self.url}/health")).json() == {"status": "ok"}
                except httpx.TransportError:
                    await asyncio.sleep(0.05)
                else:
                    return
        raise AssertionError(self.log.decode())

    async def _read(self, stream: asyncio.StreamReader) -> None:
        while piece := await stream.read(4096):
            self.log += piece

    def terminals(self) -> list[int]:
        """The processes behind tabs."""
        try:
            return [child.pid for child in psutil.Process(self.pid).children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    async def end(self, number: int = signal.SIGTERM) -> None:
        """Send a signal and wait for the end."""
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(number)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self.process.wait()
            await self._reader


@asynccontextmanager
async def program(api_url: str, *options: str) -> AsyncIterator[Program]:
    """The program for as long as the block lasts."""
    running = Program(api_url, free_port(), *options)
    await running.start()
    try:
        yield running
    finally:
        await running.end()


def running(word: str) -> list[int]:
    """Processes below this one with this word in their command; what has ended meanwhile is none."""
    found = []
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            if word in " ".join(child.cmdline()):
                found.append(child.pid)
    return found


async def gone(pids: list[int]) -> None:
    """Wait until none of these processes is left."""
    processes = [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]
    _, left = await asyncio.to_thread(psutil.wait_procs, processes, PATIENCE_SECONDS)
    assert not [process for process in left if process.status() != psutil.STATUS_ZOMBIE]
