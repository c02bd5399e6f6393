"""What a bench hands over: what was measured, the baseline of the same minute, and the aim."""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable, Sequence

import msgspec
from rich.table import Table

Narrate = Callable[[str], None]


class BenchNotPossible(Exception):
    """This machine lacks what a bench needs, or what it measures did not work; the message says what."""


class Figure(msgspec.Struct, kw_only=True):
    """One line of the table. Without a baseline it is held against the aim as it is."""

    name: str
    unit: str
    aim: float
    measured: list[float]
    baseline: list[float] = []
    higher_is_better: bool = False
    notes: list[str] = []
    load: float = 0.0  # load average of the last minute when it was taken

    @property
    def value(self) -> float:
        """What is compared with the aim: the ratio of the medians, or the median alone."""
        return self._over(statistics.median)

    @property
    def best(self) -> float:
        """The same from the best round of each side."""
        return self._over(max if self.higher_is_better else min)

    @property
    def holds(self) -> bool:
        """Whether the aim is reached."""
        return self.value >= self.aim if self.higher_is_better else self.value <= self.aim

    def _over(self, chosen: Callable[[Sequence[float]], float]) -> float:
        return chosen(self.measured) / (chosen(self.baseline) if self.baseline else 1.0)


def load() -> float:
    """Load average of the last minute."""
    return round(os.getloadavg()[0], 2)


def quantile(values: list[float], share: float) -> float:
    """The smallest value that at least `share` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * share // 1).__int__() - 1)]


def table(figures: list[Figure]) -> Table:
    """All figures, one a line, with their notes below each."""
    drawn = Table(box=None, pad_edge=False, header_style="bold")
    drawn.add_column("what", overflow="fold")
    for column in ("Keelyard", "baseline", "ratio", "of the best", "aim", "rounds", "load"):
        drawn.add_column(column, justify="right", no_wrap=True)
    drawn.add_column("")
    for figure in figures:
        drawn.add_row(*_cells(figure))
        for note in figure.notes:
            drawn.add_row(f"  [dim]{note}[/]")
    return drawn


def _cells(figure: Figure) -> list[str]:
    sign = "≥" if figure.higher_is_better else "≤"
    ratio = bool(figure.baseline)
    unit = "" if ratio else f" {figure.unit}"
    return [
        figure.name,
        f"{statistics.median(figure.measured):,.4g} {figure.unit}",
        f"{statistics.median(figure.baseline):,.4g} {figure.unit}" if ratio else "-",
        f"{figure.value:.2f}" if ratio else "-",
        f"{figure.best:.2f}" if ratio else f"{figure.best:,.4g}{unit}",
        f"{sign} {figure.aim:g}{unit}",
        str(len(figure.measured)),
        f"{figure.load:g}",
        "[green]holds[/]" if figure.holds else "[yellow]missed[/]",
    ]
