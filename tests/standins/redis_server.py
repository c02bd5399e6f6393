"""A real Redis of this machine on a Unix socket, for one test run; nothing stands in for it."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

PROGRAMS = ("redis-server", "valkey-server")


class RedisServer:
    """One server that can be stopped and started again."""

    def __init__(self, directory: Path) -> None:
        self._socket = directory / "redis.sock"
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"unix://{self._socket}"

    def start(self) -> None:
        """Start and wait until it answers."""
        program = next((found for name in PROGRAMS if (found := shutil.which(name))), None)
        assert program, f"none of {PROGRAMS} is installed; .ci/setup installs redis-server"
        options = ["--port", "0", "--unixsocket", str(self._socket), "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen(
            [program, *options, "--dir", str(self._socket.parent)], stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if b"ready to accept connections" in line.lower():
                break
        self.ask("PING")

    def ask(self, command: str) -> str:
        """The first line of the answer to an inline command."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self._socket))
            connection.sendall(f"{command}\r\n".encode())
            return connection.recv(4096).decode()

    def kill(self) -> None:
        """SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


@contextlib.contextmanager
def running() -> Iterator[RedisServer]:
    """A started server for as long as the block lasts."""
    directory = Path(tempfile.mkdtemp(prefix="keelyard-redis-", dir="/tmp"))
    server = RedisServer(directory)
    try:
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(directory)
