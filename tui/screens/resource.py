"""What screens of server things share: fetching in workers, refreshing while seen, saying what is stale."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.timer import Timer
from textual.widgets import Footer

from tui import bindings, errors, messages
from tui.allowance import Allowance
from tui.client import Client
from tui.nouns import ROLES, changing
from tui.screens.subjects import SubjectScreen
from tui.widgets.crumbs import Crumbs
from tui.widgets.filter_line import FilterLine
from tui.widgets.row_table import RowTable
from tui.widgets.title_bar import TitleBar

SLOW_SECONDS = 2.0  # so long a wait is explained
_LOADS_AT_ONCE = 5  # for news; then somewhat more often than by time alone
TOLD_SECONDS = 60.0  # between two askings while the server tells what changes
LEAST_WIDTH, LEAST_HEIGHT = 60, 15  # below, keys and columns are cut


class ResourceScreen(SubjectScreen):
    """Title, breadcrumbs, a body, the filter line and the keys. Subclasses fetch data and draw it."""

    REFRESH_SECONDS: ClassVar[float] = 10.0  # the API counts requests per hour; see its rate limits
    #: What the live stream tells of that changes this screen: "jobs", "clusters".
    LISTENS_TO: ClassVar[frozenset[str]] = frozenset()

    #: Action -> the least role that may do it; it is offered to nobody else.
    LEAST: ClassVar[Mapping[str, str]] = {}

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "slash",
            "filter",
            "Filter",
            id="filter",
            tooltip="Narrow what is shown while you type",
            priority=True,
        ),
        Binding("escape", "back", "Back", id="back", show=False, tooltip="Drop the filter, or go back"),
        Binding("ctrl+r", "refresh", "Refresh", id="refresh", show=False, tooltip="Ask the server now"),
    ]

    def __init__(self, client: Client) -> None:
        super().__init__()
        self.client = client
        self._timer: Timer | None = None
        self._quiet_until = 0.0
        self.kind = ""  # said before the name when the way here does not tell it
        self._called = ""  # what this screen is called on the way
        self._state = ""
        self._trouble = ""  # why what is shown is stale
        self._loaded_once = False
        self._asked_at = 0.0
        self._loading = False
        self._again = False  # something changed while the screen was loading
        self._later: Timer | None = None
        self._news_loads = Allowance(_LOADS_AT_ONCE, self.REFRESH_SECONDS * 0.6)

    def compose(self) -> ComposeResult:
        """The frame; `body` fills it."""
        yield TitleBar(self.client)
        yield Crumbs()
        yield from self.body()
        yield FilterLine()
        yield Footer(show_command_palette=False, compact=True)

    @abstractmethod
    def body(self) -> ComposeResult:
        """The widgets between the breadcrumbs and the keys."""

    @abstractmethod
    async def fetch(self) -> None:
        """Gets the screen's data and keeps it on the screen; touches no widget. Raises ApiError."""

    @abstractmethod
    def draw(self) -> None:
        """Shows the data kept by the last fetch."""

    # --- loading ---

    def on_mount(self) -> None:
        """Starts refreshing; the first resume event does the first load."""
        self._state = "◐ reading …"
        self._show_way()
        self.set_timer(SLOW_SECONDS, self._say_slow)
        self._timer = self.set_interval(self.REFRESH_SECONDS, self._poll, pause=True)

    def on_screen_resume(self) -> None:
        """Seen again: fresh at once."""
        self.load()
        if self._timer is not None:
            self._timer.resume()

    def on_screen_suspend(self) -> None:
        """Hidden: stop asking."""
        if self._timer is not None:
            self._timer.pause()

    def _say_slow(self) -> None:
        """What an operator waits for, once that takes long."""
        if not self._loaded_once:
            self._state = f"◐ waiting for an answer of {self.client.url} …"
            self._show_way()

    def _poll(self) -> None:
        """Time has passed. Where the server tells what changes, that is no reason to ask soon."""
        told = bool(self.LISTENS_TO) and self.client.live.is_live
        if not told or time.monotonic() - self._asked_at >= TOLD_SECONDS:
            self.load()

    @on(messages.News)
    def _news(self, message: messages.News) -> None:
        self.news(message)

    def news(self, news: messages.News) -> None:
        """The server told of changes: reads again what they touch, once what is being read has come."""
        told = {"jobs"} if news.jobs else set[str]()
        told |= {"clusters"} if news.clusters else set()
        if not news.everything and not told & self.LISTENS_TO:
            return
        self._reload()

    def _reload(self) -> None:
        """Loads again soon: the server counts requests, and some clusters change all the time."""
        if self._loading:
            self._again = True  # called off and begun again, a slow answer would never arrive
        elif self._later is None:
            wait = self._news_loads.take() or self._quiet_until - time.monotonic()
            if wait > 0:
                self._later = self.set_timer(wait, self._reload_late)
            else:
                self.load()

    def _reload_late(self) -> None:
        self._later = None
        if self.is_current:
            self._reload()

    def load(self) -> None:
        """Fetches unless the server asked for quiet."""
        if time.monotonic() >= self._quiet_until:
            self._load()

    @work(exclusive=True, group="load")
    async def _load(self) -> None:
        self._loading, self._again, self._asked_at = True, False, time.monotonic()
        try:
            await self.fetch()
        except errors.SessionEnded as ended:
            self._loading = False
            self.app.post_message(messages.SignInNeeded(str(ended)))
        except errors.TooManyRequests as busy:
            self._quiet_until = time.monotonic() + busy.retry_after_seconds
            self.post_message(messages.LoadFailed(str(busy)))
        except errors.ApiError as failed:
            self.post_message(messages.LoadFailed(str(failed)))
        else:
            self.post_message(messages.Loaded())

    @on(messages.Loaded)
    def _loaded(self) -> None:
        self._loaded_once = True
        self.query_one(TitleBar).fresh()
        self._trouble = ""
        self.draw()
        self._show_way()
        self._settled()

    @on(messages.LoadFailed)
    def _load_failed(self, message: messages.LoadFailed) -> None:
        self._loaded_once = True  # the line says what is wrong instead of what it waits for
        self.query_one(TitleBar).stale()
        self._trouble = message.reason
        self._show_way()
        self._settled()

    def _settled(self) -> None:
        self._loading = False
        if self._again and self.is_current:
            self._reload()

    # --- saying things ---

    @property
    def called(self) -> str:
        """What this screen is called on the way to others."""
        return f"{self.kind} {self._called}".strip()

    def crumbs(self, line: str) -> None:
        """Where one is and how things stand, as in `edge-07 · ● running`; the way here is shown before it."""
        here, _, self._state = line.partition(" · ")
        self._called = here.rpartition("‹ ")[2].strip()
        self._show_way()

    def _show_way(self) -> None:
        state = f"▲ {self._trouble}" if self._trouble else self._state
        if self.app.size.width < LEAST_WIDTH or self.app.size.height < LEAST_HEIGHT:
            state = f"▲ {LEAST_WIDTH}×{LEAST_HEIGHT} shows more · {state}"
        self.query_one(Crumbs).show([*self._before(), self.called if self.kind else self._called], state)

    @on(events.Resize)
    def _resized(self) -> None:
        """Says when the terminal is too small for all of it."""
        self._show_way()

    def _before(self) -> list[str]:
        stack = self.app.screen_stack
        below = stack[: stack.index(self)] if self in stack else []
        return [
            screen.called if isinstance(screen, ResourceScreen) else str(screen.title or "…")
            for screen in below
        ]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What this role may not do is not offered; to one who only reads, nothing that changes something."""
        if action == "filter" and bindings.is_typed_into(self.focused):
            return False  # there its key is a character
        if self.client.read_only and any(
            binding.action.partition("(")[0] == action
            for name, binding in bindings.of(type(self)).items()
            if name in changing()
        ):
            return False
        least, user = self.LEAST.get(action), self.client.user
        if least is not None and user is not None and user.role in ROLES:
            return ROLES.index(user.role) >= ROLES.index(least)
        return super().check_action(action, parameters)

    # --- keys ---

    def action_filter(self) -> None:
        """Opens the filter line."""
        self.query_one(FilterLine).open()

    def action_back(self) -> None:
        """Drops the filter if there is one, else leaves for the screen before."""
        line = self.query_one(FilterLine)
        if line.display:
            line.action_drop()
        elif len(self.app.screen_stack) > 1:
            self.app.pop_screen()

    def action_refresh(self) -> None:
        """Fetches now."""
        self._quiet_until = 0.0
        self.load()

    def narrow_to(self, needle: str) -> None:
        """The same as typing the text into the filter line."""
        line = self.query_one(FilterLine)
        line.value = needle
        line.display = bool(needle)

    @on(FilterLine.Narrowed)
    def _narrowed(self, message: FilterLine.Narrowed) -> None:
        self.narrow(message.needle)

    def narrow(self, needle: str) -> None:
        """Narrows every table of the screen."""
        for table in self.query(RowTable):
            table.narrow(needle)

    @on(FilterLine.Closed)
    def _filter_done(self) -> None:
        self.filter_closed()

    def filter_closed(self) -> None:
        """The filter is typed, or dropped."""
        self.rest()

    def rest(self) -> None:
        """Gives the keys back to the first table."""
        self.query(RowTable).first().focus()
