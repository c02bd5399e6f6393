"""The terminal as it is shipped, in tmux, against a whole Keelyard: from nothing to a running cluster."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import lab
from tests.nodes.server import EMAIL, Server
from tests.nodes.wizard_keys import through
from tests.standins import tmux
from tests.standins.tmux import Tmux

pytestmark = pytest.mark.nodes

NAME = f"term{os.getpid() % 10000}"
RUN_SECONDS = 1200  # for a cluster to run, on a slow machine


@pytest.fixture(scope="module")
def yard() -> Iterator[lab.Lab]:
    try:
        yield lab.up(NAME, nodes=1)
    finally:
        lab.down(NAME)


@pytest.fixture
def terminal(server: Server, tmp_path: Path) -> Iterator[Tmux]:
    """`keelyard tui`, with a home of its own."""
    log = tmp_path / "tui.log"
    running = tmux.keelyard(tmp_path, "--url", server.url, "--email", EMAIL, "--log", str(log))
    try:
        yield running
    finally:
        running.end()


def test_a_cluster_is_made_by_hand_in_a_real_terminal_and_watched_until_it_runs(
    server: Server, yard: lab.Lab, terminal: Tmux, tmp_path: Path
):
    key = Path(yard.private_key).read_text()
    canary = "".join(key.splitlines()[1:-1])[60:110]
    terminal.until("assword")
    terminal.paste(server.password)
    terminal.press("enter")
    terminal.until("● live")
    terminal.press("1")
    terminal.until("No clusters yet")

    nodes = f"{yard.nodes[0].address} {yard.nodes[0].name} control-plane {yard.system}"
    terminal.carry_out(through(NAME, nodes, 1, key=str(yard.private_key)))
    ended = terminal.until("job finished", seconds=RUN_SECONDS)
    assert "job finished: success" in ended, ended
    terminal.until("● success")
    terminal.press("1")
    terminal.until("● running")

    with server.client() as client:
        assert client.call("GET", f"/api/v1/clusters/{NAME}")["status"] == "running"
    written = [path.read_text() for path in tmp_path.rglob("*") if path.is_file() and path.name != "tmux"]
    assert not [text for text in written if canary in text or server.password in text]
    terminal.press("q")
