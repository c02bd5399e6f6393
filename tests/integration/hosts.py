"""Hosts for tests: each a network, PID, mount and host name of its own, on one bridge with a PostgreSQL.

Nothing of this machine's own network is touched: the bridge lives in the database's namespace, and everything
ends with the processes that hold the namespaces.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from engine.processes import embedded_postgresql
from tests.integration import factories
from tests.integration.workplace import ROOT

GATEWAY = "10.77.0.1"
DATABASE = "yard"
PASSWORD = secrets.token_urlsafe(12)
LEASE_SECONDS = 6
_PATIENCE_SECONDS = 60
_INIT = "mount -t proc proc /proc && mount -t tmpfs tmpfs /dev/shm && hostname {name} && exec sleep infinity"


def require() -> None:
    """Skip with what is missing; CI runs as root and has it all."""
    missing = [tool for tool in ("ip", "unshare", "nsenter", "setpriv") if shutil.which(tool) is None]
    if os.geteuid() != 0 or missing:
        tools = f", and {', '.join(missing)} installed" if missing else ""
        pytest.skip(f"hosts are network namespaces: needs root{tools}; run as root")
    command = ["unshare", "--net", "--pid", "--mount", "--uts", "--fork", "true"]
    probe = subprocess.run(command, check=False, capture_output=True, text=True)
    if probe.returncode != 0:
        pytest.skip(f"hosts are network namespaces, and this machine refuses them: {probe.stderr.strip()}")


class Host:
    """One machine with a KEELYARD_HOME, playing the content that all hosts share."""

    def __init__(self, yard: Yard, number: int) -> None:
        self.name = f"host-{number}"
        self.address = f"10.77.0.{10 + number}"
        self.home = yard.directory / self.name
        self.home.mkdir()
        self._yard = yard
        self._started: list[subprocess.Popen[bytes]] = []
        with (self.home / "host.log").open("ab") as log:
            self._outer = subprocess.Popen(
                [
                    *("unshare", "--net", "--pid", "--mount", "--uts", "--fork", "--kill-child"),
                    *("sh", "-c", _INIT.format(name=self.name)),
                ],
                stderr=log,
                start_new_session=True,
            )
        self.pid = _init_of(self._outer)
        self._link = f"to-{self.name}"
        yard.network(
            "link", "add", self._link, "type", "veth", "peer", "name", "eth0", "netns", str(self.pid)
        )
        yard.network("link", "set", self._link, "master", "yard", "up")
        for arguments in (
            ("address", "add", f"{self.address}/24", "dev", "eth0"),
            ("link", "set", "eth0", "up"),
            ("link", "set", "lo", "up"),
        ):
            subprocess.run(["nsenter", "-t", str(self.pid), "-n", "ip", *arguments], check=True)

    @property
    def worker(self) -> str:
        """The name of this host's worker."""
        return (self.home / "worker_name").read_text().strip()

    def keelyard(self, *arguments: str, **variables: str) -> subprocess.Popen[bytes]:
        """A subcommand on this host; its output goes to the host's log."""
        return self.start("-m", "engine.processes", *arguments, **variables)

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[bytes]:
        """A Python of this host."""
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": "/root",
            "PYTHONPATH": str(ROOT),
            "KEELYARD_HOME": str(self.home),
            "KEELYARD_CONTENT": str(self._yard.content),
            "KEELYARD_ARTIFACTS": "upstream",
            "KEELYARD_LEASE_SECONDS": str(LEASE_SECONDS),
            "DATABASE_URL": self._yard.url,
            "ENCRYPTION_KEY": factories.KEY,
            "SECRET_KEY": "one secret for all hosts of the yard",
        }
        with (self.home / "host.log").open("ab") as log:
            process = subprocess.Popen(
                ["nsenter", "-t", str(self.pid), "-n", "-p", "-m", "-u", sys.executable, *arguments],
                env=environment | variables,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._started.append(process)
        return process

    def start_worker(self, *arguments: str) -> subprocess.Popen[bytes]:
        """A worker with room for two jobs on two nodes each."""
        return self.keelyard("worker", "--forks", "4", *arguments)

    def workers_command(self, *arguments: str) -> subprocess.Popen[bytes]:
        """`keelyard workers ...`."""
        return self.start(
            "-c", "from engine.processes.commands.workers import workers; workers()", *arguments
        )

    def processes(self) -> list[psutil.Process]:
        """Everything that runs on this host but its init."""
        space = Path(f"/proc/{self.pid}/ns/pid").readlink()
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(OSError, psutil.Error):
                if (
                    process.pid != self.pid
                    and process.status() != psutil.STATUS_ZOMBIE
                    and Path(f"/proc/{process.pid}/ns/pid").readlink() == space
                ):
                    found.append(process)
        return found

    def signal(self, number: signal.Signals) -> None:
        """The same signal to everything on this host."""
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def lose_power(self) -> None:
        """Gone from the network and dead in the same moment: nobody is told."""
        self._yard.network("link", "set", self._link, "down")
        self.end()

    def end(self) -> None:
        """Kill all of it: a PID namespace does not outlive its init."""
        for process in self._started:  # who brought a process in stops with it, and would not collect it then
            process.send_signal(signal.SIGCONT)
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        for process in (self._outer, *self._started):
            process.wait()


class Yard:
    """The network, its PostgreSQL, and the content that the hosts play."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.content = directory / "content"
        (self.content / "playbooks").mkdir(parents=True)
        (self.content / "roles").mkdir()
        self.hosts: list[Host] = []
        self._place = embedded_postgresql.instance(directory / "database")
        self._switch = subprocess.Popen(
            ["unshare", "--net", "--", "sleep", "infinity"], start_new_session=True
        )
        _wait(
            lambda: _namespace("net", self._switch.pid) != _namespace("net", os.getpid()),
            "a network namespace",
        )
        self.network("link", "add", "yard", "type", "bridge")
        self.network("address", "add", f"{GATEWAY}/24", "dev", "yard")
        for link in ("yard", "lo"):
            self.network("link", "set", link, "up")
        self._server = self._start_server()

    @property
    def url(self) -> str:
        """The database as the hosts reach it: over TCP, with a password, as a login that is no superuser."""
        return f"postgresql://{DATABASE}:{PASSWORD}@{GATEWAY}:5432/{DATABASE}"

    @property
    def local_url(self) -> str:
        """The database as the test itself reaches it."""
        return self._place.url(DATABASE)

    def network(self, *arguments: str) -> None:
        """`ip` where the bridge is."""
        command = ["nsenter", "-t", str(self._switch.pid), "-n", "ip", *arguments]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    def playbook(self, text: str) -> None:
        (self.content / "playbooks" / "provision.yml").write_text(text)

    def add_host(self) -> Host:
        self.hosts.append(Host(self, len(self.hosts) + 1))
        return self.hosts[-1]

    def close(self) -> None:
        for host in self.hosts:
            host.end()
        self._server.send_signal(signal.SIGQUIT)
        self._server.wait()
        self._switch.kill()
        self._switch.wait()
        shutil.rmtree(self._place.socket, ignore_errors=True)

    def _start_server(self) -> subprocess.Popen[bytes]:
        """An embedded server's data, served over the bridge: to Keelyard, somebody's own PostgreSQL."""
        home = self.directory / "database"
        embedded_postgresql.ensure_running(home)
        with psycopg.connect(self._place.url("postgres"), autocommit=True) as connection:
            for statement in (
                "CREATE ROLE keelyard_runtime NOLOGIN",
                f"CREATE ROLE {DATABASE} LOGIN PASSWORD '{PASSWORD}'",
                f"GRANT keelyard_runtime TO {DATABASE}",
                f"CREATE DATABASE {DATABASE} OWNER {DATABASE}",
            ):
                connection.execute(statement)
        embedded_postgresql.stop(home)
        rules = self.directory / "pg_hba.conf"
        rules.write_text(f"local all all peer map=keelyard\nhost all all {GATEWAY}/24 scram-sha-256\n")
        rules.chmod(0o644)
        binaries = embedded_postgresql._binaries(self._place)
        with (self.directory / "server.log").open("ab") as log:
            server = subprocess.Popen(
                [
                    *("nsenter", "-t", str(self._switch.pid), "-n"),
                    *("setpriv", "--reuid", self._place.user, "--regid", self._place.user, "--init-groups"),
                    *(f"{binaries}/postgres", "-D", str(self._place.data)),
                    *("-c", f"listen_addresses={GATEWAY}", "-c", f"hba_file={rules}"),
                ],
                cwd="/",
                env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        _wait(lambda: embedded_postgresql._answers(self._place), "an answer of PostgreSQL")
        return server


@contextlib.contextmanager
def yard(hosts: int) -> Iterator[Yard]:
    """A yard with so many hosts and a migrated database, all gone afterwards."""
    directory = Path(tempfile.mkdtemp(prefix="keelyard-hosts-", dir="/tmp"))
    directory.chmod(0o755)
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        made = Yard(directory)
        stack.callback(made.close)
        for _ in range(hosts):
            made.add_host()
        migrated = made.hosts[0].keelyard("migrate").wait()
        assert migrated == 0, (made.hosts[0].home / "host.log").read_text()
        yield made


def _init_of(outer: subprocess.Popen[bytes]) -> int:
    """PID, as seen from here, of the first process of a new PID namespace, once it is set up."""
    found: list[psutil.Process] = []

    def ready() -> bool:
        assert outer.poll() is None, "a host could not be made"
        with contextlib.suppress(psutil.Error):
            found[:] = psutil.Process(outer.pid).children()
            return bool(found) and found[0].name() == "sleep"
        return False

    _wait(ready, "the start of a host")
    return found[0].pid


def _namespace(kind: str, pid: int) -> str:
    return str(Path(f"/proc/{pid}/ns/{kind}").readlink())


def _wait(condition, what: str) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come about"
        time.sleep(0.02)
