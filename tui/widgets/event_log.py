"""The log of a job: bounded, written in batches, narrowed by a text, continued upwards."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from textual.message import Message
from textual.widgets import Log

MOST_LINES = 5_000
MOST_WITH_HISTORY = 20_000  # for those who scroll back


class EventLog(Log):
    """The newest lines. Scrolled up it stays where it is; at the end it follows."""

    class AtTop(Message):
        """Somebody has scrolled to the first line that there is."""

    def __init__(self) -> None:
        super().__init__(max_lines=MOST_LINES, id="event-log")
        self._kept: deque[str] = deque(maxlen=MOST_LINES)
        self._needle = ""

    @property
    def kept(self) -> int:
        """Lines in memory, shown or not."""
        return len(self._kept)

    @property
    def full(self) -> bool:
        """Whether no earlier lines fit."""
        return self.kept >= MOST_WITH_HISTORY

    def add(self, lines: Sequence[str]) -> None:
        """Appends a batch; one call per drain, because every write lays the widget out anew."""
        newest = lines[-MOST_WITH_HISTORY:]
        self._kept.extend(newest)
        if shown := [line for line in newest if self._wanted(line)]:
            self.write_lines(shown)

    def add_before(self, lines: Sequence[str]) -> None:
        """Puts earlier lines on top; what is seen stays in its place."""
        room = max(0, MOST_WITH_HISTORY - self.kept)
        earlier = list(lines)[-room:] if room else []
        if not earlier:
            return
        self.max_lines = MOST_WITH_HISTORY
        self._kept = deque([*earlier, *self._kept], maxlen=MOST_WITH_HISTORY)
        top = self.scroll_offset.y + sum(1 for line in earlier if self._wanted(line))
        self._rewrite(scroll_end=False)
        self.scroll_to(y=top, animate=False, immediate=True)

    def narrow(self, needle: str) -> None:
        """Shows only the lines that contain the text; a leading ! turns it round."""
        self._needle = needle
        self._rewrite(scroll_end=None)

    def follow(self) -> None:
        """Jumps to the end and stays there."""
        self.scroll_end(animate=False)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Tells when the first line comes into sight from below."""
        super().watch_scroll_y(old_value, new_value)
        if new_value <= 0 < old_value:
            self.post_message(self.AtTop())

    def _rewrite(self, *, scroll_end: bool | None) -> None:
        with self.prevent(self.AtTop):
            self.clear()
            self.write_lines([line for line in self._kept if self._wanted(line)], scroll_end=scroll_end)

    def _wanted(self, line: str) -> bool:
        wanted = self._needle.removeprefix("!").casefold()
        return not wanted or (wanted in line.casefold()) is not self._needle.startswith("!")
