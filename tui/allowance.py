"""How often something may be done: a few times at once, then steadily."""

from __future__ import annotations

import time


class Allowance:
    """So many times at once, and from then on once in so many seconds."""

    def __init__(self, at_once: int, every_seconds: float) -> None:
        self._most = float(at_once)
        self._every = every_seconds
        self._left = self._most
        self._counted_at = time.monotonic()

    def take(self) -> float:
        """0 when it may be done now, which counts; else how many seconds there are to wait."""
        now = time.monotonic()
        self._left = min(self._most, self._left + (now - self._counted_at) / self._every)
        self._counted_at = now
        if self._left < 1:
            return (1 - self._left) * self._every
        self._left -= 1
        return 0.0
