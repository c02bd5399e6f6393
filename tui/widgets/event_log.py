"""The live log of a job: bounded, written in batches, narrowed by a text."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from textual.widgets import Log

MOST_LINES = 5_000


class EventLog(Log):
    """The newest lines. Scrolled up it stays where it is; at the end it follows."""

    def __init__(self) -> None:
        super().__init__(max_lines=MOST_LINES, id="event-log")
        self._kept: deque[str] = deque(maxlen=MOST_LINES)
        self._needle = ""

    @property
    def kept(self) -> int:
        """Lines in memory, shown or not."""
        return len(self._kept)

    def add(self, lines: Sequence[str]) -> None:
        """Appends a batch; one call per drain, because every write lays the widget out anew."""
        newest = lines[-MOST_LINES:]
        self._kept.extend(newest)
        if shown := [line for line in newest if self._wanted(line)]:
            self.write_lines(shown)

    def narrow(self, needle: str) -> None:
        """Shows only the lines that contain the text; a leading ! turns it round."""
        self._needle = needle
        self.clear()
        self.write_lines([line for line in self._kept if self._wanted(line)])

    def follow(self) -> None:
        """Jumps to the end and stays there."""
        self.scroll_end(animate=False)

    def _wanted(self, line: str) -> bool:
        wanted = self._needle.removeprefix("!").casefold()
        return not wanted or (wanted in line.casefold()) is not self._needle.startswith("!")
