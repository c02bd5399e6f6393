"""Lab nodes for the tests of this folder."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from engine import lab as labs
from engine.bundle import build
from tests.nodes.server import Server

type LabMaker = Callable[..., AbstractContextManager[labs.Lab]]
type Shell = Callable[..., str]

#: For one test: several jobs of a minute or two each, on a machine that is busy with other things.
MOST_SECONDS = 1200


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test here needs nodes, so needs root on Linux."""
    for item in items:
        if "tests/nodes/" not in item.path.as_posix():
            continue
        item.add_marker(pytest.mark.nodes)
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(MOST_SECONDS))
        if sys.platform != "linux" or os.geteuid() != 0:
            item.add_marker(pytest.mark.skip(reason="lab nodes need root on Linux"))


@contextmanager
def throwaway_lab(nodes: int = 1, system: str = "debian12") -> Iterator[labs.Lab]:
    """A lab under a name of its own, taken down whatever happens."""
    name = f"t{secrets.token_hex(3)}"
    try:
        yield labs.up(name, nodes=nodes, system=system)
    finally:
        labs.down(name)


@pytest.fixture(scope="session")
def make_lab() -> LabMaker:
    """Makes labs: `with make_lab(nodes=2, system="debian13") as lab`."""
    return throwaway_lab


@pytest.fixture(scope="session")
def lab() -> Iterator[labs.Lab]:
    """Two Debian 12 nodes that all tests of the session share."""
    with throwaway_lab(nodes=2) as shared:
        yield shared


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server of the module's own."""
    running = Server(build.default_path())
    try:
        running.start()
        yield running
    finally:
        running.remove()


@pytest.fixture(scope="session")
def on_node() -> Shell:
    """Runs a shell command on a node over SSH, as a user would, and returns its output."""

    def run(
        lab: labs.Lab, node: labs.LabNode, command: str, *, user: str = "root", check: bool = True
    ) -> str:
        options = ["BatchMode=yes", "ConnectTimeout=3", f"UserKnownHostsFile={lab.known_hosts}"]
        login = [part for option in [*options, "StrictHostKeyChecking=yes"] for part in ("-o", option)]
        ran = subprocess.run(
            ["ssh", "-F", "/dev/null", "-i", lab.private_key, *login, f"{user}@{node.address}", command],
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        assert not check or ran.returncode == 0, f"{command!r} on {node.name}: {ran.stderr}{ran.stdout}"
        return ran.stdout.strip()

    return run


@pytest.fixture(scope="session")
def eventually() -> Callable[..., None]:
    """Waits until a condition holds; fails the test after `seconds`."""

    def wait(condition: Callable[[], bool], seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"not so after {seconds} s"
            time.sleep(0.2)

    return wait
