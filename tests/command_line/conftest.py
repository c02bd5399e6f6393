"""The command line against the real API: as processes, and quicker, in a thread of the test's own process."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog
from click.testing import CliRunner, Result

from engine.domain.statuses import Role
from engine.processes import command_line
from engine.services.directory import NewUser
from engine.services.identity import Caller
from tests.command_line import installation
from tests.contract import harness
from tests.contract.conftest import _quick_hashes  # noqa: F401
from tests.integration.conftest import database_url, server_home, template  # noqa: F401
from tests.standins.provisioner_api import ProvisionerApi
from tui.command_line.access import Surroundings

OPERATOR = "olga@example.local"
PATIENCE_SECONDS = 60.0


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An operator's home with nothing in it, and the commands of this checkout."""
    for name in os.environ:
        if name.startswith("KEELYARD_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("KEELYARD_CONFIG", str(tmp_path / "config.yaml"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("KEELYARD_KEYRING", "off")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(installation.write(tmp_path / "installed")))
    return tmp_path


@dataclass
class CommandLine:
    """Runs `keelyard` in this process, on a stand-in or a real server."""

    api: ProvisionerApi | None = None

    def __call__(self, *arguments: str, said: str | None = None) -> Result:
        around = Surroundings(transport=self.api.transport) if self.api else Surroundings()
        return CliRunner().invoke(command_line.keelyard, list(arguments), input=said, obj=around)

    async def on_server(self, *arguments: str, said: str | None = None) -> Result:
        """The same in a thread, while the server runs in the test's own loop."""
        return await asyncio.to_thread(self, *arguments, said=said)


@dataclass
class Ended:
    """What a process left."""

    code: int
    out: str
    err: str


class Process:
    """One `keelyard` process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    async def line(self) -> str:
        """The next line of its output."""
        assert self._process.stdout is not None
        async with asyncio.timeout(PATIENCE_SECONDS):
            return (await self._process.stdout.readline()).decode()

    def signal(self, number: int) -> None:
        """Sends a signal."""
        self._process.send_signal(number)

    async def end(self, said: str = "") -> Ended:
        """What it leaves."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            out, err = await self._process.communicate(said.encode() or None)
        assert self._process.returncode is not None
        return Ended(self._process.returncode, out.decode(), err.decode())


async def started(*arguments: str, **environment: str) -> Process:
    """A `keelyard` process with the commands of this checkout."""
    found = [path for path in sys.path if path.endswith("installed")]
    path = os.pathsep.join([*found, str(installation.ROOT)])
    process = await asyncio.create_subprocess_exec(
        "env",
        "--default-signal=INT",  # tests that run in the background have it ignored, and so would children
        sys.executable,
        "-m",
        "engine.processes",
        *arguments,
        env={**os.environ, "PYTHONPATH": path, **environment},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    return Process(process)


async def keelyard(*arguments: str, said: str = "", **environment: str) -> Ended:
    """A process from start to end."""
    return await (await started(*arguments, **environment)).end(said)


@pytest.fixture
async def server(database_url: str) -> AsyncIterator[harness.Api]:  # noqa: F811
    """A running server with an administrator."""
    with structlog.testing.capture_logs():  # commands print in this process, too
        async with harness.serving(harness.settings(database_url)) as running:
            yield running


@pytest.fixture
async def signed_in(server: harness.Api, home: Path) -> CommandLine:
    """The command line of an administrator who has signed in."""
    command = CommandLine()
    done = await command.on_server(
        "login", "--url", server.url, "--email", harness.ADMIN, said=f"{harness.PASSWORD}\n"
    )
    assert done.exit_code == 0, done.output
    return command


async def operator(server: harness.Api) -> str:
    """An account that is no administrator."""
    wanted = NewUser(email=OPERATOR, password=harness.PASSWORD, roles=frozenset({Role.OPERATOR}))
    await server.users.create(wanted, Caller())
    return OPERATOR


def succeeded(done: Result) -> str:
    """The output of a command that went well."""
    assert done.exit_code == 0, (done.stdout, done.stderr, done.exception)
    return done.stdout


def refused(done: Result, exit_code: int = 1) -> str:
    """What a command said that did not, on one line."""
    assert done.exit_code == exit_code, (done.stdout, done.stderr, done.exception)
    return " ".join(done.stderr.split())


def cluster_file(directory: Path, name: str = "yard-1", **changes: Any) -> Path:
    """A spec file, its private key beside it."""
    import yaml

    body = harness.cluster_body(name, **changes)
    login = {"username": "root", "auth_method": "private_key", "private_key_file": "id_yard"}
    (directory / "id_yard").write_text(harness.KEY)
    path = directory / f"{name}.yaml"
    path.write_text(yaml.safe_dump({"kind": "Cluster", **body, "ssh_config": login}))
    return path
