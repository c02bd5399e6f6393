"""How often one address may try to sign in. The API counts too; this keeps a flood away from it."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

PER_MINUTE = 10
_WINDOW_SECONDS = 60.0
_ADDRESSES = 10_000  # more at once is a flood from everywhere; the oldest are forgotten first


class Attempts:
    """The last minute's attempts of every address."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[str, deque[float]] = {}

    def wait(self, address: str) -> float:
        """Counts an attempt; 0 when it may go on, else how many seconds to wait."""
        now = self._clock()
        seen = self._seen.pop(address, deque(maxlen=PER_MINUTE))
        self._seen[address] = seen  # last in order: the first is the one longest unheard of
        while len(self._seen) > _ADDRESSES:
            del self._seen[next(iter(self._seen))]
        while seen and seen[0] <= now - _WINDOW_SECONDS:
            seen.popleft()
        if len(seen) == PER_MINUTE:
            return seen[0] + _WINDOW_SECONDS - now
        seen.append(now)
        return 0.0
