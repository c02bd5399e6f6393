"""A real terminal to drive: a tmux server with one window."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from tests.nodes.wizard_keys import Action, Gone, Paste, Press, Sees

LOOK_SECONDS = 60  # for what a key does
NAMES = {"enter": "Enter", "tab": "Tab", "escape": "Escape", "space": "Space", "down": "Down"}


def keelyard(directory: Path, *arguments: str, **environment: str) -> Tmux:
    """`keelyard tui` in 80x24, with a home of its own in the directory."""
    surroundings = {
        **os.environ,
        "XDG_STATE_HOME": str(directory / "state"),
        "XDG_CONFIG_HOME": str(directory / "config"),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        **environment,
    }
    return Tmux(directory, [sys.executable, "-m", "engine.processes", "tui", *arguments], surroundings)


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
