"""What every list does: sorts by any column, marks lines, goes to one status, waits with words."""

from __future__ import annotations

import pytest
from textual.app import App, ComposeResult
from textual.widgets import DataTable

from tests.tui.conftest import until
from tui import text
from tui.widgets.row_table import Column, Order, Row, RowTable

THINGS = (("a", "node-10", "failed", 3.0), ("b", "node-9", "running", 1.0), ("c", "Node-2", "failed", 2.0))


def rows() -> list[Row]:
    return [
        Row(key, (text.plain(name), text.status(status), text.plain(f"{age}s")), {"age": age})
        for key, name, status, age in THINGS
    ]


class Bench(App[None]):
    """A table and nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Order] = []
        self.past: list[int] = []

    def compose(self) -> ComposeResult:
        """The table."""
        shape = (Column("name", "NAME", 12), Column("status", "STATUS", 6), Column("age", "AGE", 5))
        yield RowTable(shape, id="table")

    def on_row_table_sorted(self, event: RowTable.Sorted) -> None:
        """Kept for the test."""
        self.asked.append(event.order)

    def on_row_table_past_end(self, event: RowTable.PastEnd) -> None:
        """Kept for the test."""
        self.past.append(event.step)


def keys(table: RowTable) -> list[str]:
    return [str(row.key.value) for row in table.ordered_rows]


def headings(table: RowTable) -> list[str]:
    return [column.label.plain for column in table.ordered_columns]


async def test_a_table_sorts_by_numbers_in_words_and_by_values_and_is_stable():
    app = Bench()
    async with app.run_test() as pilot:
        table = app.query_one(RowTable)
        table.show(rows())
        assert keys(table) == ["a", "b", "c"]

        table.sort_next()
        assert keys(table) == ["c", "b", "a"]  # 2, 9, 10
        assert headings(table) == ["NAME▲", "STATUS", "AGE"]
        table.sort_next()
        assert keys(table) == ["a", "c", "b"]  # both that failed as they came
        table.sort_reverse()
        assert keys(table) == ["b", "a", "c"]
        assert headings(table)[1] == "STATU▼"
        table.sort_next()
        assert keys(table) == ["b", "c", "a"]

        table.narrow("failed")
        assert keys(table) == ["c", "a"]
        table.show(rows())
        assert keys(table) == ["c", "a"]  # new rows keep the order
        await until(pilot, lambda: len(app.asked) == 4, "what was asked for")
        assert app.asked[-1] == Order("age")


async def test_a_click_on_a_heading_sorts_and_another_turns_the_order():
    app = Bench()
    async with app.run_test() as pilot:
        table = app.query_one(RowTable)
        table.show(rows())
        await pilot.pause()
        await pilot.click(RowTable, offset=(3, 0))
        await until(pilot, lambda: keys(table) == ["c", "b", "a"], "by name")
        await pilot.click(RowTable, offset=(3, 0))
        await until(pilot, lambda: keys(table) == ["a", "b", "c"], "the other way round")


async def test_marks_are_shown_as_a_sign_and_what_a_filter_hides_is_not_acted_on():
    app = Bench()
    async with app.run_test():
        table = app.query_one(RowTable)
        table.show(rows())
        table.mark()
        assert table.marked == ["a"]
        assert table.get_row("a")[0].plain == "+ node-10"
        assert table.selected == "b"

        table.narrow("running")
        assert table.marked == []
        table.mark_all()
        assert table.marked == ["b"]
        table.narrow("")
        assert table.marked == ["a", "b"]
        table.show(rows()[1:])
        assert table.marked == ["b"]
        table.mark_all()
        assert table.marked == ["b", "c"]
        table.mark_all()
        assert table.marked == []


@pytest.mark.parametrize(("presses", "told"), [(["up"], [-1]), (["down", "down", "down"], [1])])
async def test_the_ends_of_a_table_are_told(presses: list[str], told: list[int]):
    app = Bench()
    async with app.run_test() as pilot:
        app.query_one(RowTable).show(rows())
        app.query_one(DataTable).focus()
        await pilot.pause()
        await pilot.press(*presses)
        await until(pilot, lambda: app.past == told, "the end")
