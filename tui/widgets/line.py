"""One line of text whose height is fixed: other words cost what is drawn there and nothing else."""

from __future__ import annotations

from textual.widgets import Static


class Line(Static):
    """Says one thing at a time; the style sheet gives it its height."""

    def __init__(self, *, id: str) -> None:  # noqa: A002  Textual's own name
        super().__init__("", id=id, markup=False)
        self._said = ""

    def say(self, words: str) -> None:
        """Shows these words; the same again draws nothing, and none lays out the screen."""
        if words != self._said:
            self._said = words
            self.update(words, layout=False)
