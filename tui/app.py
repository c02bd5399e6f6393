"""The operator's terminal: who is signed in, which screen is on top, and nothing else."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, override
from weakref import WeakKeyDictionary

from textual import on
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen, Screen
from textual.worker import WorkerFailed

from tui import bindings, connecting, messages, nouns
from tui import help as help_text
from tui.client import Client
from tui.command_mode import CommandMode
from tui.palette import Places
from tui.screens.dialogs import Help
from tui.screens.login import LoginScreen
from tui.screens.reading import ReadingScreen
from tui.screens.resource import ResourceScreen

log = logging.getLogger("keelyard.tui")

_STUMBLED = "An error of the terminal's own. ctrl+r reads the screen again; --log FILE keeps the details."


class Terminal(CommandMode):
    """Keelyard in the terminal."""

    TITLE = "keelyard"
    CSS_PATH = Path(__file__).with_name("styles.tcss")
    COMMANDS: ClassVar = {Places}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "colon",
            "command",
            "Command",
            id="command",
            key_display=":",
            tooltip="Go anywhere, do anything",
            priority=True,  # at once, so that what is typed right behind it is the line's
        ),
        Binding(
            "ctrl+p", "command_palette", "Palette", id="palette", show=False, tooltip="Search for places"
        ),
        *(
            Binding(
                noun.key,
                f"go('{noun.name}')",
                noun.name.capitalize(),
                id=f"go.{noun.name}",
                show=False,
                tooltip=f"{noun.name}: {noun.what}",
            )
            for noun in nouns.registered()
            if noun.key
        ),
        Binding(
            "ctrl+o",
            "sign_out",
            "Sign out",
            id="sign-out",
            show=False,
            tooltip="Revoke and forget the sign-in",
        ),
        Binding("t", "next_theme", "Theme", id="theme", show=False, tooltip="Other colours"),
        Binding("question_mark", "help", "Help", id="help", key_display="?"),
        Binding("q", "quit", "Quit", id="quit"),
    ]

    def __init__(
        self,
        client: Client,
        *,
        email: str = "",
        password: str = "",
        start: str = "dashboard",
        connect: Callable[[str], Client] = connecting.client_named,
    ) -> None:
        """`start` is a path as `nouns.opened` reads it."""
        super().__init__(client, email=email, password=password, connect=connect)
        self._start = start
        self.stumbled: list[BaseException] = []  # what went wrong without ending the terminal
        self._places: WeakKeyDictionary[Screen[Any], tuple[str, str]] = WeakKeyDictionary()

    @override
    def begin(self) -> None:
        """To where the operator wanted to start."""
        noun, key = nouns.opened(self._start) or (nouns.registered()[0], "")
        self.action_go(noun.name if noun.screen is not None else nouns.registered()[0].name)
        if key:
            self.post_message(messages.Open(noun.name, key))

    @override
    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Nothing but signing in before one is signed in, and no second dialog over a dialog."""
        if action == "command" and bindings.is_typed_into(self.focused):
            return False  # there it is a character
        if action in {"command", "command_palette", "go", "help", "sign_out"}:
            return self.client.user is not None and not isinstance(self.screen, ModalScreen | LoginScreen)
        return True

    # --- going places ---

    def action_go(self, noun: str) -> None:
        """Shows the list of a noun from its top."""
        self.post_message(messages.Go(noun))

    @on(messages.Go)
    async def _go(self, message: messages.Go) -> None:
        await self.switch_mode(message.noun)
        while len(self.screen_stack) > 1:
            await self.pop_screen()
        if message.needle and isinstance(self.screen, ResourceScreen):
            self.screen.narrow_to(message.needle)

    @on(messages.Open)
    async def _open(self, message: messages.Open) -> None:
        noun = nouns.find(message.noun)
        if noun is None:
            return
        if message.key == "new" and self.client.read_only:
            self.tell("This session is read-only: nothing new is made.", failed=True)
        elif message.key == "new" and noun.create is not None:
            await self.push_screen(noun.create(self.client))
        elif noun.detail is not None:
            await self._enter(noun, message.key, partial(noun.detail, self.client, message.key))

    async def _enter(self, noun: nouns.Noun, key: str, make: Callable[[], Screen[Any]]) -> None:
        """Goes back to where one has been on this way, else onwards, so that going in circles ends."""
        place = (noun.name, key)
        for depth, screen in enumerate(self.screen_stack):
            if self._places.get(screen) == place:
                await self._climb(messages.Climb(depth))
                return
        screen = make()
        self._places[screen] = place
        is_from_its_list = self.current_mode == noun.name and len(self.screen_stack) == 1
        if isinstance(screen, ResourceScreen) and not is_from_its_list:
            screen.kind = noun.singular
        await self.push_screen(screen)

    def action_climb(self, depth: int) -> None:
        """Back to a screen on the way; for clicks on the breadcrumbs."""
        self.post_message(messages.Climb(depth))

    @on(messages.Climb)
    async def _climb(self, message: messages.Climb) -> None:
        if not isinstance(self.screen, ModalScreen):
            while len(self.screen_stack) > message.depth + 1:
                await self.pop_screen()

    @on(messages.Read)
    async def _read(self, message: messages.Read) -> None:
        await self.push_screen(ReadingScreen(self.client, message.thing, message.form))

    def action_help(self) -> None:
        """Lists the keys of the screen below."""
        self.push_screen(Help(help_text.groups(self, self.grammar())))

    # --- the end ---

    @override
    def _handle_exception(self, error: Exception) -> None:
        if isinstance(error, WorkerFailed) and self.is_running:
            # What was asked for is not done; the screen itself is whole, so the terminal goes on.
            log.error("An action stopped on an unexpected error.", exc_info=error.error)
            self.stumbled.append(error.error)
            self.tell(_STUMBLED, failed=True)
            return
        log.critical("The terminal stopped on an unexpected error.", exc_info=error)
        super()._handle_exception(error)

    @override
    def _fatal_error(self) -> None:
        # Textual would print a traceback with local variables here, passwords included.
        self.panic(
            "Keelyard's terminal stopped on an error of its own. Your clusters and jobs are not affected.\n"
            "Start it with --log FILE to keep the details, and report them."
        )
