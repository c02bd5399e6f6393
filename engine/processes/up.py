"""API and worker under one roof: starts them as children, starts a dead one again, ends them together.

Runs in progress belong to supervisors of their own and outlive this process, and so does the embedded
PostgreSQL while it is needed; the next `keelyard up` finds both.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable

from engine.domain.errors import KeelyardError, ServiceUnavailable
from engine.processes.api_client import ApiClient

GRACE_SECONDS = 15  # for a child to end by itself
RESTARTS = 5  # of one child within RESTART_WINDOW_SECONDS, then everything stops
RESTART_WINDOW_SECONDS = 60
START_SECONDS = 60  # until the API must answer

Narrate = Callable[[str], None]


class Child:
    """One `keelyard` subcommand that is kept running."""

    def __init__(self, name: str, arguments: list[str], environment: dict[str, str]) -> None:
        self.name = name
        self._command = [*_dies_with_parent(), sys.executable, "-m", "engine.processes", *arguments]
        self._environment = environment
        self._starts: list[float] = []
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts the process; raises KeelyardError when it was started too often."""
        now = time.monotonic()
        self._starts = [at for at in self._starts if now - at < RESTART_WINDOW_SECONDS] + [now]
        if len(self._starts) > RESTARTS:
            raise KeelyardError(
                f"keelyard {self.name} ended {RESTARTS} times within {RESTART_WINDOW_SECONDS} s.",
                remedy="Its last lines above say why; `keelyard doctor` tells what is missing.",
            )
        self._process = subprocess.Popen(self._command, env=self._environment, start_new_session=True)

    def ended(self) -> int | None:
        """Exit code of an ended process, None while it runs."""
        assert self._process is not None
        return self._process.poll()

    def stop(self) -> None:
        """Asks it to end and waits; kills what does not."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def run(
    *,
    database_url: str,
    host: str,
    port: int,
    concurrency: int,
    narrate: Narrate,
    tend: Callable[[], None],
) -> None:
    """Keeps API and worker running until SIGTERM or SIGINT; calls `tend` between looks at them.

    Raises KeelyardError when a child cannot be kept running or the API does not answer in time.
    """
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: stopping.set())
    environment = {**os.environ, "DATABASE_URL": database_url}
    children = [
        Child("api", ["api", "--host", host, "--port", str(port)], environment),
        Child("worker", ["worker", "--concurrency", str(concurrency)], environment),
    ]
    try:
        for child in children:
            child.start()
        _await_api(host, port, children[0], stopping)
        narrate(f"Keelyard is up: http://{host}:{port} (API reference at /docs). Ctrl-C stops it.")
        _watch(children, stopping, narrate, tend)
    finally:
        for child in reversed(children):
            child.stop()


def _dies_with_parent() -> list[str]:
    """A prefix under which the child ends with us even when we are killed, where the system has it."""
    return ["setpriv", "--pdeathsig", "TERM", "--"] if shutil.which("setpriv") else []


def _await_api(host: str, port: int, api: Child, stopping: threading.Event) -> None:
    reachable = "127.0.0.1" if host == "0.0.0.0" else host  # noqa: S104 - compared, not bound
    deadline = time.monotonic() + START_SECONDS
    with ApiClient(f"http://{reachable}:{port}") as client:
        while not stopping.is_set() and not client.healthy():
            if (code := api.ended()) is not None:
                raise KeelyardError(
                    f"The API ended with exit code {code} before it answered.",
                    remedy="Its last lines say why.",
                )
            if time.monotonic() > deadline:
                raise ServiceUnavailable(f"The API did not answer within {START_SECONDS} s.")
            stopping.wait(0.1)


def _watch(
    children: list[Child], stopping: threading.Event, narrate: Narrate, tend: Callable[[], None]
) -> None:
    while not stopping.wait(0.5):
        tend()
        for child in children:
            if (code := child.ended()) is not None:
                narrate(f"keelyard {child.name} ended with exit code {code}; starting it again.")
                child.start()
