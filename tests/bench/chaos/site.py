"""The Keelyard under test: one PostgreSQL, one API, several workers with homes of their own; kept running."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
from cryptography.fernet import Fernet

from engine.processes import embedded_postgresql
from engine.processes.api_client import ApiClient
from tests.bench import server
from tests.bench.figures import BenchNotPossible

WORKERS = 2
JOBS_PER_WORKER = 12
START_SECONDS = 90
TEND_SECONDS = 0.2


class Site:
    """All processes of one Keelyard. What ends is started again until `stop`."""

    def __init__(self, content: Path) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="keelyard-chaos-"))
        self.home.chmod(0o755)  # the database's own user passes through it
        self.homes = [self.home / f"host-{number}" for number in range(1, WORKERS + 1)]
        self.log = self.home / "site.log"
        self.port = server.free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.database_url = ""
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._content = content
        self._key = Fernet.generate_key().decode()
        self._secret = secrets.token_urlsafe(32)
        self._stopping = threading.Event()
        self._tending = threading.Thread(target=self._tend, name="site")

    def start(self) -> None:
        """Start everything and wait until the API answers; raises BenchNotPossible when it does not."""
        self.database_url = embedded_postgresql.ensure_running(self.home)
        if self._spawn(["migrate"], self.home).wait() != 0:
            raise BenchNotPossible(f"keelyard migrate failed; see {self.log}.")
        for home in self.homes:
            home.mkdir()
        self._tending.start()
        deadline = time.monotonic() + START_SECONDS
        with ApiClient(self.url) as client:
            while not client.healthy():
                if time.monotonic() > deadline:
                    raise BenchNotPossible(f"keelyard api did not start; see {self.log}.")
                time.sleep(0.2)

    def keep_database(self) -> None:
        """PostgreSQL again, whatever happened to it."""
        embedded_postgresql.ensure_running(self.home)

    @contextlib.contextmanager
    def client(self) -> Iterator[ApiClient]:
        """A logged-in client."""
        with ApiClient(self.url) as client:
            client.log_in(server.EMAIL, server.PASSWORD)
            yield client

    @contextlib.contextmanager
    def database(self) -> Iterator[psycopg.Connection]:
        """A connection that reads what was written."""
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            yield connection

    def postmaster(self) -> psutil.Process:
        """The database's main process."""
        pid = (embedded_postgresql.instance(self.home).data / "postmaster.pid").read_text().split()[0]
        return psutil.Process(int(pid))

    def of_this_site(self) -> list[psutil.Process]:
        """Every process that was started with one of this site's homes."""
        homes = {str(home) for home in (self.home, *self.homes)}
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.environ().get("KEELYARD_HOME") in homes:
                    found.append(process)
        return found

    def supervisors(self) -> list[psutil.Process]:
        """Supervisors that have a run, or wait for one."""
        found = []
        for process in self.of_this_site():
            with contextlib.suppress(psutil.Error):
                if "supervise" in process.cmdline():
                    found.append(process)
        return found

    def stop(self) -> None:
        """End API and workers; the database goes on, to be looked at."""
        self._stopping.set()
        if self._tending.is_alive():
            self._tending.join()
        for process in self.processes.values():
            with contextlib.suppress(psutil.Error):
                psutil.Process(process.pid).resume()
            server.stop(process)

    def remove(self) -> None:
        """End whatever is left, and remove all files."""
        for process in self.of_this_site():
            with contextlib.suppress(psutil.Error):
                process.kill()
        embedded_postgresql.stop(self.home)
        place = embedded_postgresql.instance(self.home)
        for directory in (place.socket, place.base, self.home):
            shutil.rmtree(directory, ignore_errors=True)

    def _commands(self) -> dict[str, tuple[list[str], Path]]:
        worker = ["worker", "--concurrency", str(JOBS_PER_WORKER), "--forks", "100", "--memory", "100000"]
        return {"api": (["api", "--port", str(self.port)], self.home)} | {
            home.name: (worker, home) for home in self.homes
        }

    def _tend(self) -> None:
        commands = self._commands()
        while not self._stopping.is_set():
            for name, (arguments, home) in commands.items():
                running = self.processes.get(name)
                if running is None or running.poll() is not None:
                    self.processes[name] = self._spawn(arguments, home)
            with contextlib.suppress(Exception):
                self.keep_database()
            self._stopping.wait(TEND_SECONDS)

    def _spawn(self, arguments: list[str], home: Path) -> subprocess.Popen[bytes]:
        environment = os.environ | {
            "DATABASE_URL": self.database_url,
            "ENCRYPTION_KEY": self._key,
            "SECRET_KEY": self._secret,
            "KEELYARD_HOME": str(home),
            "KEELYARD_CONTENT": str(self._content),
            "KEELYARD_ARTIFACTS": "upstream",
            "ADMIN_EMAIL": server.EMAIL,
            "ADMIN_PASSWORD": server.PASSWORD,
            "RATE_LIMIT_PER_MINUTE": server.UNLIMITED,
            "RATE_LIMIT_PER_HOUR": server.UNLIMITED,
            "AUTH_RATE_LIMIT_PER_MINUTE": server.UNLIMITED,
        }
        with self.log.open("ab") as output:
            return subprocess.Popen(
                [sys.executable, "-m", "engine.processes", *arguments],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
