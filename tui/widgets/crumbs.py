"""The second line: the way here, each step of it to click on, and how things stand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import override

from textual.content import Content
from textual.style import Style
from textual.widgets import Static

from tui import text

_LEAST_STATE = 24  # cells the state keeps before the way is folded


class Crumbs(Static):
    """The names of the screens on the way, then the state; folds the first steps when it is too narrow."""

    def __init__(self) -> None:
        super().__init__("", id="crumbs", markup=False)
        self._way: tuple[str, ...] = ()
        self._state = ""

    def show(self, way: Sequence[str], state: str) -> None:
        """`way` are the names of the screens from the bottom to this one."""
        shown = tuple(text.one_line(name) for name in way), text.one_line(state)
        if shown != (self._way, self._state):
            self._way, self._state = shown
            self.refresh()

    @override
    def render(self) -> Content:
        """The way and the state; every step but the last leads back to its screen."""
        hidden = self._hidden(self.size.width or 80)
        parts: list[str | tuple[str, str | Style]] = [" "]
        if hidden:
            parts += [("‹ …", _click(hidden - 1)), " "]
        *before, here = self._way or ("",)
        for depth, name in enumerate(before[hidden:], hidden):
            parts += [(f"‹ {name}", _click(depth)), " "]
        if here:
            parts += [f"‹ {here}" if before else here]
        if self._state:
            parts.append(f" · {self._state}" if here else self._state)
        return Content.assemble(*parts)

    def _hidden(self, width: int) -> int:
        """How many of the first steps do not fit."""
        room = width - 1 - min(len(self._state) + 3, _LEAST_STATE)
        for hidden in range(len(self._way)):
            names = self._way[hidden:]
            if sum(len(name) + 3 for name in names) + (4 if hidden else 0) <= room:
                return hidden
        return max(0, len(self._way) - 1)


def _click(depth: int) -> Style:
    return Style.from_meta({"@click": f"app.climb({depth})"})
