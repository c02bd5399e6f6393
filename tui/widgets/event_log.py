"""The log of a job, drawn line by line: only what is in sight is ever measured or rendered."""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar, override

from rich.cells import cell_len
from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.cache import LRUCache
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip

from tui.log_lines import LogFilter, LogLine
from tui.log_window import LogWindow

_GUTTER = 1  # ▸ the cursor, » a line with what is searched for
_STEP = 8  # cells that left and right move


class EventLog(ScrollView, can_focus=True):
    """The lines of a window. At the end it follows; scrolled up it stays put and counts what comes."""

    ALLOW_SELECT = True

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup", "turn(-1)", "Page up", show=False),
        Binding("pagedown", "turn(1)", "Page down", show=False),
        Binding("home", "first", "To the top", show=False),
        Binding("end", "last", "To the end", show=False),
        Binding("left", "shift(-1)", "To the left", show=False),
        Binding("right", "shift(1)", "To the right", show=False),
        Binding("enter", "pick", "Open", show=False),
    ]

    @dataclass
    class AtTop(Message):
        """Somebody has come to the first line that there is."""

        log: EventLog

    @dataclass
    class AtBottom(Message):
        """Somebody has come to the last line of a window that does not reach the end."""

        log: EventLog

    @dataclass
    class Picked(Message):
        """The operator wants to see this event whole."""

        line: LogLine

    @dataclass
    class Moved(Message):
        """What is in sight, or whether it follows, has changed."""

        log: EventLog

        @override
        def can_replace(self, message: Message) -> bool:
            """Only where it came to rest matters."""
            return isinstance(message, EventLog.Moved) and message.log is self.log

    def __init__(self, *, id: str = "event-log") -> None:  # noqa: A002  Textual's own name
        super().__init__(id=id)
        self.window = LogWindow()
        self.filter = LogFilter()
        self.following = True
        self.missed = 0  # lines that came while it did not follow
        self.wrap = False
        self._cursor = 0  # sequence of a line
        self._needle = ""
        self._left = 0
        self._starts: list[int] = [0]  # wrapped: the row on which each line begins, and the rows of all
        self._settling = False
        self._drawn: LRUCache[tuple[int, int, bool], Strip] = LRUCache(512)
        self._drawn_for = 0  # columns

    # --- what is shown ---

    @property
    def kept(self) -> int:
        """Lines in the window."""
        return len(self.window.lines)

    @property
    def current(self) -> LogLine | None:
        """The line under the cursor."""
        lines = self.window.lines
        if not lines:
            return None
        return lines[min(self.window.index(self._cursor), len(lines) - 1)]

    def add(self, lines: Sequence[LogLine]) -> None:
        """Takes a batch that has just come; one call per drain."""
        wanted = [line for line in lines if self.filter.matches(line)] if self.filter else lines
        if not wanted:
            return
        if not self.following:
            self.missed += len(wanted)
        with self._in_place():
            self.window.add(wanted, following=self.following)

    def add_before(self, lines: Sequence[LogLine], *, at_start: bool) -> None:
        """Puts earlier lines on top; what is seen stays in its place."""
        with self._in_place():
            self.window.add_before(lines, at_start=at_start)

    def add_after(self, lines: Sequence[LogLine], *, at_end: bool) -> None:
        """Puts later lines below a window that does not reach the end."""
        with self._in_place():
            self.window.add_after(lines, at_end=at_end)

    def replace(self, lines: Sequence[LogLine], *, at_start: bool, at_end: bool) -> None:
        """Shows another part of the log."""
        with self._in_place():
            self.window.replace(lines, at_start=at_start, at_end=at_end)

    def narrow(self, wanted: LogFilter) -> None:
        """Shows what is known of the lines that are wanted; the rest comes with `replace`."""
        self.filter = wanted
        self.window = self.window.narrowed(wanted.matches)
        self.follow()

    def follow(self) -> None:
        """Jumps to the newest line and stays there."""
        self.window.rewind()
        self.following, self.missed = True, 0
        with self._in_place():
            pass

    def highlight(self, needle: str) -> None:
        """Marks every place that says this."""
        self._needle = needle.lower()
        self._drawn.clear()
        self.refresh()

    def toggle_wrap(self) -> None:
        """Long lines on several rows, or cut at the edge."""
        with self._in_place():
            self.wrap, self._left = not self.wrap, 0
            self._drawn.clear()

    def go_to(self, sequence: int) -> None:
        """Puts the cursor on a line of the window and the line in sight."""
        self._stop_following()
        self._set_cursor(self.window.index(sequence), middle=True)

    # --- rows and lines ---

    @property
    def _columns(self) -> int:
        return max(1, self.scrollable_size.width - _GUTTER)

    def _row_of(self, index: int) -> int:
        return self._starts[index] if self.wrap else index

    def _line_at(self, row: int) -> tuple[int, int]:
        """The line on a row, and which part of it."""
        if not self.wrap:
            return row, 0
        index = bisect_right(self._starts, row) - 1
        return index, row - self._starts[index]

    def _measure(self) -> None:
        lines, columns = self.window.lines, self._columns
        if columns != self._drawn_for:
            self._drawn.clear()
            self._drawn_for = columns
        rows = len(lines)
        if self.wrap:
            heights = (max(1, -(-cell_len(line.text) // columns)) for line in lines)
            self._starts = [0, *itertools.accumulate(heights)]
            rows = self._starts[-1]
        size = Size(self.scrollable_size.width, rows)
        if size != self.virtual_size:
            # Set past its reactive: a layout of the whole screen with every batch is what makes logs slow.
            self.set_reactive(EventLog.virtual_size, size)
            self._scroll_update(size)

    @contextmanager
    def _in_place(self) -> Iterator[None]:
        """Around every change of the lines: at the end it follows, elsewhere what is seen stays seen."""
        lines = self.window.lines
        index, part = self._line_at(self.scroll_offset.y)
        top = lines[index].sequence if index < len(lines) else 0
        yield
        self._settling = True
        self._measure()
        if self.following:
            self._cursor = self.window.last_sequence
            row: float = self.max_scroll_y
        else:
            index = self.window.index(top)
            row = self._row_of(min(index, max(0, self.kept - 1))) + part
        self.scroll_to(y=row, animate=False, immediate=True)
        self._settling = False
        self.refresh()
        self.post_message(self.Moved(self))

    def on_resize(self) -> None:
        """Another width wraps elsewhere; another height shows other lines."""
        with self._in_place():
            pass

    @override
    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Scrolling up stops following, scrolling to the end takes it up again."""
        super().watch_scroll_y(old_value, new_value)
        if self._settling or round(old_value) == round(new_value):
            return
        if new_value < old_value:
            self._stop_following()
            if new_value <= 0:
                self.post_message(self.AtTop(self))
        elif new_value >= self.max_scroll_y:
            self._reach_bottom()

    def _reach_bottom(self) -> None:
        if self.window.attached:
            self.follow()
        else:
            self.post_message(self.AtBottom(self))

    def _stop_following(self) -> None:
        if self.following:
            self.following = False
            self.post_message(self.Moved(self))

    # --- drawing ---

    @override
    def render_line(self, y: int) -> Strip:
        """One row, from what was drawn before where nothing changed."""
        width = self.scrollable_size.width
        index, part = self._line_at(self.scroll_offset.y + y)
        if index >= self.kept:
            return Strip.blank(width, self.rich_style)
        line = self.window.lines[index]
        selection = self.text_selection
        here = part == 0 and line.sequence == self._cursor and (self.has_focus or not self.following)
        key = (line.sequence, part, here)
        strip = self._drawn.get(key) if selection is None else None
        if strip is None:
            strip = self._strip(line, index, part, here, selection)
            if selection is None:
                self._drawn[key] = strip
        start = part * self._columns if self.wrap else self._left
        return strip.apply_offsets(start - _GUTTER, index)

    def _strip(self, line: LogLine, index: int, part: int, here: bool, selection: Selection | None) -> Strip:
        style, columns = self.rich_style, self._columns
        drawn = Text(line.text, style=line.style, no_wrap=True, end="")
        found = self._mark(drawn, line)
        if selection is not None and (span := selection.get_span(index)) is not None:
            start, end = span
            selected = self.screen.get_component_rich_style("screen--selection")
            drawn.stylize(selected, start, len(drawn) if end == -1 else end)
        whole = Strip(drawn.render(self.app.console), cell_len(line.text)).apply_style(style)
        start = part * columns if self.wrap else self._left
        shown = whole.crop_extend(start, start + columns, style)
        if not self.wrap and whole.cell_length > start + columns:
            shown = Strip.join([shown.crop(0, columns - 1), Strip(Text("…").render(self.app.console), 1)])
        sign = "▸" if here else "»" if found and part == 0 else " "
        gutter = Strip(Text(sign, style="bold", end="").render(self.app.console), 1).apply_style(style)
        return Strip.join([gutter, shown])

    def _mark(self, drawn: Text, line: LogLine) -> bool:
        if not self._needle:
            return False
        at = folded_at = line.text.lower().find(self._needle, line.said_at)
        while at >= 0:
            drawn.stylize("reverse", at, at + len(self._needle))
            at = line.text.lower().find(self._needle, at + len(self._needle))
        return folded_at >= 0

    @override
    def notify_style_update(self) -> None:
        """Another theme draws everything anew."""
        super().notify_style_update()
        self._drawn.clear()

    @override
    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The selected text, for copying."""
        return selection.extract("\n".join(line.text for line in self.window.lines)), "\n"

    @override
    def selection_updated(self, selection: Selection | None) -> None:
        """What is selected is drawn anew each time."""
        self._drawn.clear()
        self.refresh()

    # --- keys ---

    def _set_cursor(self, index: int, *, middle: bool = False) -> None:
        if not self.window.lines:
            return
        index = min(max(0, index), self.kept - 1)
        self._cursor = self.window.lines[index].sequence
        row, height = self._row_of(index), self.scrollable_size.height
        top = self.scroll_offset.y
        if middle and not top <= row < top + height:
            top = row - height // 2
        self._settling = True
        self.scroll_to(y=min(max(top, row - height + 1), row), animate=False, immediate=True)
        self._settling = False
        self.refresh()
        self.post_message(self.Moved(self))

    def _cursor_index(self) -> int:
        """Where the cursor is, or the nearest line in sight when one has scrolled away from it."""
        top, height = self.scroll_offset.y, max(1, self.scrollable_size.height)
        first, last = self._line_at(top)[0], self._line_at(max(top, min(top + height, self._rows) - 1))[0]
        return min(max(self.window.index(self._cursor), first), last)

    @property
    def _rows(self) -> int:
        return self.virtual_size.height

    def action_move(self, step: int) -> None:
        """One line up or down; at the edges on into what is not loaded."""
        index = self._cursor_index() + step
        if step < 0:
            self._stop_following()
        self._set_cursor(index)
        if index <= 0 and step < 0:
            self.post_message(self.AtTop(self))
        elif index >= self.kept - 1 and step > 0:
            self._reach_bottom()

    def action_turn(self, step: int) -> None:
        """One page up or down."""
        self.action_move(step * max(1, self.scrollable_size.height - 1))

    def action_first(self) -> None:
        """To the first line that is loaded."""
        self._stop_following()
        self._set_cursor(0)
        self.post_message(self.AtTop(self))

    def action_last(self) -> None:
        """To the newest line."""
        self.follow()

    def action_shift(self, step: int) -> None:
        """What is beyond the edge."""
        self._left = 0 if self.wrap else max(0, self._left + step * _STEP)
        self._drawn.clear()
        self.refresh()

    def action_pick(self) -> None:
        """Opens the event under the cursor."""
        if (line := self.current) is not None:
            self.post_message(self.Picked(line))

    def on_click(self, event: events.Click) -> None:
        """A click puts the cursor there, a second one opens the event."""
        index = self._line_at(self.scroll_offset.y + event.y)[0]
        if index < self.kept:
            self._stop_following()
            self._set_cursor(index)
            if event.chain > 1:
                self.action_pick()
