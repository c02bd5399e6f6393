"""Tables as text: columns padded, a state as a word that has a sign and a colour on a terminal only."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import click

from tui import text

Thing = Mapping[str, Any]
_GAP = "  "
_COLOURS = ("red", "green", "yellow", "cyan", "blue", "magenta")


@dataclass(frozen=True)
class Column:
    """One column: its title, and what stands in it. `wide` ones are shown by `-o wide` only."""

    title: str
    of: Callable[[Thing], object]
    wide: bool = False
    is_state: bool = False
    works: bool = False  # a state of jobs and phases, whose `running` means: under way


class Table:
    """Rows of one noun. Widths are kept, so that what follows later stays in line."""

    def __init__(
        self, columns: Sequence[Column], *, wide: bool = False, is_screen: bool | None = None
    ) -> None:
        self._columns = [column for column in columns if wide or not column.wide]
        self._is_screen = sys.stdout.isatty() if is_screen is None else is_screen
        self._colour = self._is_screen and not os.environ.get("NO_COLOR")
        self._widths = [len(column.title) for column in self._columns]

    def header(self) -> str:
        """The titles."""
        return self._line([column.title for column in self._columns], None)

    def rows(self, things: Sequence[Thing]) -> list[str]:
        """One line each; widths grow with what was seen so far."""
        cells = [[self._cell(column, thing) for column in self._columns] for thing in things]
        for row in cells:
            self._widths = [max(width, len(cell)) for width, cell in zip(self._widths, row, strict=True)]
        return [self._line(row, thing) for row, thing in zip(cells, things, strict=True)]

    def whole(self, things: Sequence[Thing]) -> list[str]:
        """Titles and rows in line."""
        rows = self.rows(things)
        return [self.header(), *rows]

    def _cell(self, column: Column, thing: Thing) -> str:
        value = column.of(thing)
        if column.is_state and value and self._is_screen:
            return text.status(str(value), works=column.works).plain
        return "-" if value is None or value == "" else text.one_line(str(value))

    def _line(self, cells: Sequence[str], thing: Thing | None) -> str:
        shown = []
        for column, cell, width in zip(self._columns, cells, self._widths, strict=True):
            padded = cell.ljust(width)
            shown.append(self._painted(column, thing, padded) if self._colour and thing else padded)
        return _GAP.join(shown).rstrip()

    def _painted(self, column: Column, thing: Thing, padded: str) -> str:
        if not column.is_state:
            return padded
        style = str(text.status(str(column.of(thing) or ""), works=column.works).style).split()
        colour = next((word for word in style if word in _COLOURS), None)
        return click.style(padded, fg=colour, bold="bold" in style or None, dim="dim" in style or None)


def at(*path: str) -> Callable[[Thing], object]:
    """The member at this path; None where there is none."""

    def find(thing: Thing) -> object:
        found: Any = thing
        for name in path:
            found = found.get(name) if isinstance(found, Mapping) else None
        return found

    return find


def moment(said: object) -> datetime | None:
    """A time as the API writes it."""
    return datetime.fromisoformat(said) if isinstance(said, str) and said else None


def since(*path: str) -> Callable[[Thing], str]:
    """How long ago that was."""
    return lambda thing: text.ago(moment(at(*path)(thing)))


def until(*path: str) -> Callable[[Thing], str]:
    """How long until then."""
    return lambda thing: text.ahead(moment(at(*path)(thing)))


def took(start: str, end: str) -> Callable[[Thing], str]:
    """From one time to the other, or to now."""
    return lambda thing: text.span(moment(thing.get(start)), moment(thing.get(end)))


def listed(*path: str) -> Callable[[Thing], str]:
    """A list as words with commas."""
    return lambda thing: ",".join(str(each) for each in (at(*path)(thing) or ()))  # type: ignore[attr-defined]


def switch(*path: str) -> Callable[[Thing], str]:
    """A yes or no as enabled or disabled."""
    return lambda thing: "enabled" if at(*path)(thing) else "disabled"


def short(*path: str) -> Callable[[Thing], str]:
    """The first characters of an id, enough to name it by."""
    return lambda thing: str(at(*path)(thing) or "")[:8]
