"""One supervisor process that has loaded everything and waits for orders: runs start without that delay.

Orders and the open lock file go through a socket that is the process' standard input: others see arguments
and environment. When the worker ends, the socket closes, and a supervisor that never got orders ends too.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import msgspec

from engine import content
from engine.domain.errors import MisconfiguredServer
from engine.processes.supervisor import Orders

_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "TMPDIR")
_PASSED_ON_PREFIX = "KEELYARD_"
_CHUNK = 1 << 16


class Standby:
    """Starts supervisors; keeps one ahead once `prepare` was called."""

    def __init__(self) -> None:
        self._waiting: tuple[subprocess.Popen[bytes], socket.socket] | None = None

    def prepare(self) -> None:
        """Start the next supervisor ahead, unless one waits already."""
        if self._waiting is not None and self._waiting[0].poll() is None:
            return
        self.dismiss()
        self._waiting = _start()

    def launch(self, orders: Orders, lock: int) -> subprocess.Popen[bytes]:
        """Give orders and a taken lock to a supervisor; OSError when none can be started."""
        process, line = self._take() or _start()
        with line:
            socket.send_fds(line, [msgspec.json.encode(orders)], [lock])
        return process

    def dismiss(self) -> None:
        """End the supervisor that waits, if one does."""
        if self._waiting is not None:
            process, line = self._waiting
            self._waiting = None
            line.close()
            process.wait()

    def _take(self) -> tuple[subprocess.Popen[bytes], socket.socket] | None:
        if self._waiting is not None and self._waiting[0].poll() is not None:
            self.dismiss()  # it died while it waited
        taken, self._waiting = self._waiting, None
        return taken


def receive() -> tuple[Orders, int] | None:
    """Orders and lock from standard input; None when the worker ended without giving any.

    Raises MisconfiguredServer when it was no worker that started us.
    """
    try:
        with socket.socket(fileno=os.dup(0)) as line:
            text, descriptors, _, _ = socket.recv_fds(line, _CHUNK, 1)
            while more := line.recv(_CHUNK):
                text += more
        if not text:
            return None
        return msgspec.json.decode(text, type=Orders), descriptors[0]
    except (OSError, IndexError, msgspec.DecodeError) as error:
        raise MisconfiguredServer(
            "This command is started by `keelyard worker`, which tells it what to do."
        ) from error


def _start() -> tuple[subprocess.Popen[bytes], socket.socket]:
    log = content.home() / "logs" / "supervisor.log"
    log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    ours, theirs = socket.socketpair()
    with log.open("ab") as said, theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "engine.processes", "supervise"],
            stdin=theirs.fileno(),
            stdout=subprocess.DEVNULL,
            stderr=said,
            env=_minimal_environment(),
            start_new_session=True,
        )
    return process, ours


def _minimal_environment() -> dict[str, str]:
    """What a supervisor may know: where things are, and no setting that could be secret."""
    return {
        name: value
        for name, value in os.environ.items()
        if name in _PASSED_ON or name.startswith(_PASSED_ON_PREFIX)
    }
