"""What keeps a run alive: word from its owner, again and again, until when it may go on (see `leash`)."""

from __future__ import annotations

import math
import os
import threading
import time
from pathlib import Path

from engine.execution import leash


def now() -> float:
    """Seconds on the clock that owner and leash share; it only goes forward, while the machine sleeps too."""
    return time.clock_gettime(leash.CLOCK)


class Pulse:
    """Any thread may speak. The kernel tells the leash when this process is gone."""

    def __init__(self) -> None:
        self._until = math.inf
        self._descriptor: int | None = None
        self._lock = threading.Lock()

    def until(self, moment: float) -> None:
        """The run may go on until then; a moment that has passed ends it at once."""
        with self._lock:
            self._until = moment
            self._tell()

    def attach(self, path: Path) -> None:
        """Make the FIFO of a run and say there what was said last."""
        os.mkfifo(path, 0o600)
        with self._lock:
            # Open for reading too: neither waits for the leash nor breaks when there is none yet.
            self._descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
            self._tell()

    def detach(self) -> None:
        """The run has ended."""
        with self._lock:
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None

    def _tell(self) -> None:
        if self._descriptor is not None:
            try:
                os.write(self._descriptor, leash.BEAT.pack(self._until))
            except BlockingIOError:  # full: nobody reads, so nobody runs
                return
