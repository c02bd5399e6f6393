"""`keelyard up` keeps its parts running and takes them along when it ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from engine.domain.errors import KeelyardError
from engine.processes import embedded_postgresql
from engine.processes.api_client import ApiClient


def wait_until(condition: Callable[[], bool], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "not so in time"
        time.sleep(0.05)


class Running:
    """One `keelyard up` with a home of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            self.port = listener.getsockname()[1]
        self.log = home / "up.log"
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "engine.processes", "up", "--port", str(self.port)],
                env={**os.environ, "KEELYARD_HOME": str(home), "ADMIN_PASSWORD": "A long password, 1"},
                stdout=output,
                stderr=output,
            )

    def is_up(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        return "Keelyard is up" in self.log.read_text()

    def children(self, name: str) -> list[psutil.Process]:
        found = psutil.Process(self.process.pid).children()
        return [child for child in found if child.status() != "zombie" and name in child.cmdline()]

    def child(self, name: str) -> psutil.Process:
        return self.children(name)[0]

    def logs_in(self) -> bool:
        """False while the API or its database is not there."""
        with ApiClient(f"http://127.0.0.1:{self.port}") as client:
            try:
                client.log_in("admin@k8s-provisioner.local", "A long password, 1")
            except KeelyardError:
                return False
            return True


@pytest.fixture
def up(tmp_path_factory) -> Iterator[Running]:
    home = tmp_path_factory.mktemp("up")
    running = Running(home)
    try:
        wait_until(running.is_up)
        yield running
    finally:
        running.process.kill()
        running.process.wait()
        embedded_postgresql.remove(home)


def test_a_killed_api_worker_and_database_come_back(up):
    for name in ("api", "worker"):
        before = up.child(name)
        before.kill()
        wait_until(lambda name=name, dead=before: any(child != dead for child in up.children(name)))
    wait_until(up.logs_in)
    server = postmaster(up.home)
    server.kill()
    wait_until(lambda: not server.is_running() or server.status() == "zombie")
    wait_until(up.logs_in)


def postmaster(home: Path) -> psutil.Process:
    data = embedded_postgresql.instance(home).data
    return psutil.Process(int((data / "postmaster.pid").read_text().splitlines()[0]))


def test_when_it_is_asked_to_end_nothing_of_it_stays(up):
    children = psutil.Process(up.process.pid).children(recursive=True)

    up.process.send_signal(signal.SIGTERM)

    assert up.process.wait(60) == 0
    assert not [child for child in children if child.is_running()]
    assert not embedded_postgresql.running(up.home)


def test_killed_it_takes_api_and_worker_along_and_the_next_start_finds_its_data(up):
    children = [up.child("api"), up.child("worker")]

    up.process.kill()
    up.process.wait()

    psutil.wait_procs(children, timeout=30)
    assert not [child for child in children if child.is_running()]
    again = Running(up.home)
    try:
        wait_until(again.is_up)
        assert again.logs_in()
    finally:
        again.process.terminate()
        again.process.wait(60)


def test_a_worker_whose_database_is_gone_ends_when_it_is_asked_to(up):
    worker = up.child("worker")
    up.process.kill()
    up.process.wait()
    embedded_postgresql.remove(up.home)

    psutil.wait_procs([worker], timeout=60)

    assert not worker.is_running()
