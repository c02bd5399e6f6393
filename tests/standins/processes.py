"""What anybody on a machine can see of its processes: their arguments."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PAUSE_SECONDS = 0.01


class Seen:
    """The command lines seen, each once."""

    def __init__(self) -> None:
        self.lines: set[str] = set()

    def look(self) -> None:
        """Adds what runs now."""
        for process in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):  # it may have ended
                self.lines.add(process.read_bytes().replace(b"\0", b" ").decode(errors="replace"))

    def with_any(self, words: Iterable[str]) -> list[str]:
        """Those that have one of these words in them."""
        wanted = list(words)
        return sorted(line for line in self.lines if any(word in line for word in wanted))


@contextmanager
def watched() -> Iterator[Seen]:
    """Looks again and again from a thread, as `ps` in a loop does."""
    seen, over = Seen(), threading.Event()

    def look() -> None:
        while not over.wait(_PAUSE_SECONDS):
            seen.look()

    thread = threading.Thread(target=look, name="process list")
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()
        seen.look()
