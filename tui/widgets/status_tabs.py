"""One line of statuses above a list, of which one is chosen: by its key, or by a click."""

from __future__ import annotations

from collections.abc import Sequence

from rich.style import Style
from rich.text import Text
from textual.widgets import Static

ALL = "all"


class StatusTabs(Static):
    """The chosen one stands in brackets, so that no colour is needed to see it."""

    def __init__(self, words: Sequence[str]) -> None:
        super().__init__("", id="status-tabs", markup=False)
        self._words = (ALL, *words)
        self.chosen = ALL
        self._draw()

    def choose(self, word: str) -> None:
        """Marks another one."""
        self.chosen = word if word in self._words else ALL
        self._draw()

    def following(self, step: int) -> str:
        """The one so many places on, from the last round to the first."""
        return self._words[(self._words.index(self.chosen) + step) % len(self._words)]

    def _draw(self) -> None:
        line = Text(" ", no_wrap=True, overflow="ellipsis")
        for word in self._words:
            click = Style(meta={"@click": f"screen.status('{word}')"})
            shown = f"[{word}]" if word == self.chosen else f" {word} "
            line.append(shown, style=click + Style(bold=word == self.chosen))
        self.update(line)
