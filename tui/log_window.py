"""The part of a log that is in memory: bounded, at its end or where somebody reads."""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterable, Sequence

from tui.log_lines import LogLine

MOST_LINES = 20_000
_SLACK = 2_000  # lines over that before the oldest go, so that they do not go with every batch
_MOST_NEWEST = 5_000


class LogWindow:
    """Lines with rising sequence numbers, without a gap.

    Attached, it reaches to the newest line. Detached, because somebody reads further up and it is full, the
    newest lines wait beside it, and what lies between has to be read from the server.
    """

    def __init__(self, lines: Iterable[LogLine] = (), *, at_start: bool = True) -> None:
        self.lines = list(lines)
        self.at_start = at_start  # nothing lies before the first line
        self._newest: deque[LogLine] | None = None

    @property
    def attached(self) -> bool:
        """Whether it reaches to the newest line."""
        return self._newest is None

    @property
    def last_sequence(self) -> int:
        """Of the last line; 0 without lines."""
        return self.lines[-1].sequence if self.lines else 0

    def index(self, sequence: int) -> int:
        """Where the line with this sequence is, or would be."""
        return bisect_left(self.lines, sequence, key=lambda line: line.sequence)

    def add(self, lines: Sequence[LogLine], *, following: bool) -> int:
        """Takes lines that have just come. Returns how many went at the top to make room."""
        if self._newest is not None:
            self._newest.extend(lines)
            return 0
        if not following and len(self.lines) + len(lines) > MOST_LINES:
            self._newest = deque(lines, maxlen=_MOST_NEWEST)
            return 0
        self.lines += lines
        return self._shorten() if len(self.lines) > MOST_LINES + _SLACK else 0

    def add_before(self, lines: Sequence[LogLine], *, at_start: bool) -> None:
        """Takes earlier lines; those at the bottom make room, and wait or are read again."""
        self.at_start = at_start
        self.lines[:0] = lines
        if len(self.lines) > MOST_LINES:
            self._detach(self.lines[MOST_LINES:])
            del self.lines[MOST_LINES:]

    def add_after(self, lines: Sequence[LogLine], *, at_end: bool) -> int:
        """Takes later lines of a detached window. Returns how many went at the top to make room.

        `at_end`: the server had no more.
        """
        newest = self._newest
        if newest is None:
            return 0
        last = self.last_sequence
        self.lines += [line for line in lines if line.sequence > last]
        last = max(last, self.last_sequence)
        if at_end or (newest and newest[0].sequence <= last):
            self.lines += [line for line in newest if line.sequence > last]
            self._newest = None
        return self._shorten() if len(self.lines) > MOST_LINES else 0

    def replace(self, lines: Sequence[LogLine], *, at_start: bool, at_end: bool) -> None:
        """Shows another part of the log. Lines that came while the server was asked are kept."""
        last = lines[-1].sequence if lines else 0
        if at_end:
            waiting = itertools.chain(self.lines, self._newest or ())
            self.lines = [*lines, *(line for line in waiting if line.sequence > last)]
            self._newest = None
        else:
            self._detach(self.lines[-_MOST_NEWEST:])
            self.lines = list(lines)
        self.at_start = at_start

    def rewind(self) -> bool:
        """Goes back to the newest lines; False when it is there already."""
        if self._newest is None:
            return False
        self.lines, self._newest, self.at_start = list(self._newest), None, False
        return True

    def narrowed(self, wanted: Callable[[LogLine], bool]) -> LogWindow:
        """A window of those lines that are wanted, until the server has told what else there is."""
        known = itertools.chain(self.lines, self._newest or ())
        return LogWindow(filter(wanted, known), at_start=False)

    def _detach(self, newest: Sequence[LogLine]) -> None:
        if self._newest is None:
            self._newest = deque(newest, maxlen=_MOST_NEWEST)

    def _shorten(self) -> int:
        gone = len(self.lines) - MOST_LINES
        del self.lines[:gone]
        self.at_start = False
        return gone
