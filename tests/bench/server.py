"""A Keelyard of its own for a bench: home, database, API and worker, all gone afterwards."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from engine.processes import embedded_postgresql
from engine.processes.api_client import ApiClient
from tests.bench.figures import BenchNotPossible

EMAIL = "bench@k8s-provisioner.local"
PASSWORD = "A long one for the bench 1!"
START_SECONDS = 90
STOP_SECONDS = 60
UNLIMITED = "1000000000"  # the limits' work is measured too, only nobody is turned away


class Server(msgspec.Struct, kw_only=True):
    """A running one."""

    url: str
    home: Path
    database_url: str
    log: Path

    def login(self) -> dict[str, Any]:
        """The answer of a login: tokens and account."""
        with ApiClient(self.url) as client:
            body = {"username": EMAIL, "password": PASSWORD}
            answer: dict[str, Any] = client.call("POST", "/api/v1/auth/login", body)
            return answer

    @contextlib.contextmanager
    def client(self) -> Iterator[ApiClient]:
        """A logged-in client."""
        with ApiClient(self.url) as client:
            client.log_in(EMAIL, PASSWORD)
            yield client


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@contextlib.contextmanager
def running(
    *, worker: bool = False, environment: Mapping[str, str] | None = None, directory: Path | None = None
) -> Iterator[Server]:
    """An API, with a worker if asked for, on an embedded PostgreSQL in a temporary home.

    `directory`: where the processes start, and so the first place where they look for the code.

    Raises BenchNotPossible with the last lines of what did not start.
    """
    home = Path(tempfile.mkdtemp(prefix="keelyard-bench-"))
    home.chmod(0o755)  # the database's own user passes through it when root runs this
    port = free_port()
    processes: list[subprocess.Popen[bytes]] = []
    try:
        url = embedded_postgresql.ensure_running(home)
        server = Server(url=f"http://127.0.0.1:{port}", home=home, database_url=url, log=home / "server.log")
        variables = _environment(server) | dict(environment or {})
        if _start(server, ["migrate"], variables, directory).wait() != 0:
            raise BenchNotPossible("keelyard migrate failed: " + _last_lines(server))
        processes.append(_start(server, ["api", "--port", str(port)], variables, directory))
        _wait(server, processes[0])
        if worker:
            processes.append(_start(server, ["worker"], variables, directory))
        yield server
    finally:
        for process in reversed(processes):
            stop(process)
        embedded_postgresql.stop(home)
        place = embedded_postgresql.instance(home)
        for directory in (place.socket, place.base, home):
            shutil.rmtree(directory, ignore_errors=True)


def _environment(server: Server) -> dict[str, str]:
    return os.environ | {
        "DATABASE_URL": server.database_url,
        "KEELYARD_HOME": str(server.home),
        "ADMIN_EMAIL": EMAIL,
        "ADMIN_PASSWORD": PASSWORD,
        "RATE_LIMIT_PER_MINUTE": UNLIMITED,
        "RATE_LIMIT_PER_HOUR": UNLIMITED,
    }


def _start(
    server: Server, arguments: list[str], environment: dict[str, str], directory: Path | None
) -> subprocess.Popen[bytes]:
    with server.log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "engine.processes", *arguments],
            env=environment,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def _last_lines(server: Server) -> str:
    return " / ".join(server.log.read_text(errors="replace").strip().splitlines()[-8:])


def _wait(server: Server, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    with ApiClient(server.url) as client:
        while not client.healthy():
            if process.poll() is not None or time.monotonic() > deadline:
                raise BenchNotPossible("keelyard api did not start: " + _last_lines(server))
            time.sleep(0.1)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process of ours and wait for it."""
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
