"""The terminal as it is shipped, in tmux, against a whole Keelyard: from nothing to a running cluster."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import lab
from tests.nodes.server import EMAIL, Server
from tests.nodes.wizard_keys import Action, Gone, Paste, Press, Sees, through

pytestmark = pytest.mark.nodes

NAME = f"term{os.getpid() % 10000}"
LOOK_SECONDS = 60  # for what a key does
RUN_SECONDS = 1200  # for a cluster to run, on a slow machine
NAMES = {"enter": "Enter", "tab": "Tab", "escape": "Escape", "space": "Space", "down": "Down"}


class Tmux:
    """One terminal of 80x24 with a server of its own."""

    def __init__(self, directory: Path, command: list[str], environment: dict[str, str]) -> None:
        self._socket = directory / "tmux"
        self._environment = {**environment, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
        self("-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24", *command)

    def __call__(self, *arguments: str, given: str | None = None) -> str:
        done = subprocess.run(
            ["tmux", "-S", str(self._socket), *arguments],
            env=self._environment,
            input=given,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    def screen(self) -> str:
        return self("capture-pane", "-p")

    def until(self, words: str, *, there: bool = True, seconds: float = LOOK_SECONDS) -> str:
        deadline = time.monotonic() + seconds
        while (words in (shown := self.screen())) is not there:
            assert time.monotonic() < deadline, f"{'never' if there else 'always'} saw: {words}\n{shown}"
            time.sleep(0.1)
        return shown

    def press(self, key: str) -> None:
        self("send-keys", f"C-{key[5:]}" if key.startswith("ctrl+") else NAMES.get(key, key))

    def paste(self, text: str) -> None:
        self("load-buffer", "-", given=text)
        self("paste-buffer", "-p")

    def carry_out(self, actions: list[Action]) -> None:
        for action in actions:
            match action:
                case Press(key):
                    self.press(key)
                case Paste(text):
                    self.paste(text)
                case Sees(words):
                    self.until(words)
                case Gone(words):
                    self.until(words, there=False)

    def end(self) -> None:
        self("kill-server")


@pytest.fixture(scope="module")
def yard() -> Iterator[lab.Lab]:
    try:
        yield lab.up(NAME, nodes=1)
    finally:
        lab.down(NAME)


@pytest.fixture
def terminal(server: Server, tmp_path: Path) -> Iterator[Tmux]:
    """`keelyard tui`, with a home of its own."""
    environment = {
        **os.environ,
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
    }
    log = tmp_path / "tui.log"
    command = [sys.executable, "-m", "engine.processes", "tui"]
    options = ["--url", server.url, "--email", EMAIL, "--log", str(log)]
    running = Tmux(tmp_path, [*command, *options], environment)
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
