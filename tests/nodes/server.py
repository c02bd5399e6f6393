"""A whole Keelyard for node tests: PostgreSQL, API and worker as `keelyard up` starts them."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from engine import content
from engine.processes import embedded_postgresql
from engine.processes.api_client import ApiClient

EMAIL = "admin@k8s-provisioner.local"
START_SECONDS = 60


class Server:
    """One running server with a home of its own; `stop` leaves nothing behind."""

    def __init__(self, bundle: Path) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="keelyard-test-", dir=content.home().parent))
        self.home.chmod(0o755)
        self.password = f"{secrets.token_urlsafe(16)}-Aa1"
        self.log = self.home / "server.log"
        self._bundle = bundle
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            self.port = listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What `keelyard` needs to work on this server's state."""
        return {
            **os.environ,
            "KEELYARD_HOME": str(self.home),
            "KEELYARD_ARTIFACTS": "bundle",
            "KEELYARD_BUNDLE": str(self._bundle),
            "KEELYARD_BUNDLE_PUBLIC_KEY": str(content.home() / "keys" / "bundle-signing.pub"),
            "ADMIN_PASSWORD": self.password,
            "RATE_LIMIT_PER_MINUTE": "100000",
            "RATE_LIMIT_PER_HOUR": "1000000",
        }

    def command(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Runs `keelyard` with this server's home."""
        return subprocess.run(
            [sys.executable, "-m", "engine.processes", *arguments],
            env=options.pop("environment", self.environment),
            capture_output=True,
            text=True,
            check=options.pop("check", True),
            **options,
        )

    def start(self) -> None:
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "engine.processes", "up", "--port", str(self.port)],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        deadline = time.monotonic() + START_SECONDS
        with ApiClient(self.url) as client:
            while not client.healthy():
                assert self.process.poll() is None, self.log.read_text()
                assert time.monotonic() < deadline, self.log.read_text()
                time.sleep(0.1)

    def client(self) -> ApiClient:
        client = ApiClient(self.url)
        client.log_in(EMAIL, self.password)
        return client

    def stop(self) -> None:
        """Ends API, worker and PostgreSQL; the state stays."""
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(30)
            self.process = None
        embedded_postgresql.stop(self.home)

    def remove(self) -> None:
        self.stop()
        embedded_postgresql.remove(self.home)
        shutil.rmtree(self.home)


def follow(client: ApiClient, job_id: str) -> list[dict[str, Any]]:
    """All events of a job, once it has ended."""
    return list(client.events(job_id))


def job_after(client: ApiClient, job_id: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The ended job and its events."""
    events = follow(client, job_id)
    return client.call("GET", f"/api/v1/jobs/{job_id}"), events
