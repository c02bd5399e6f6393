"""The operator's terminal: who is signed in, which screen is on top, and nothing else."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, override

from textual import on
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

from tui import connecting, messages, nouns
from tui.client import Client
from tui.palette import Places
from tui.screens.dialogs import Help
from tui.screens.login import LoginScreen
from tui.screens.reading import ReadingScreen
from tui.screens.resource import ResourceScreen
from tui.seated_app import SeatedApp

log = logging.getLogger("keelyard.tui")


class Terminal(SeatedApp):
    """Keelyard in the terminal."""

    TITLE = "keelyard"
    CSS_PATH = Path(__file__).with_name("styles.tcss")
    COMMANDS: ClassVar = {Places}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("colon,ctrl+p", "command_palette", "Command", id="palette", key_display=":"),
        *(
            Binding(noun.key, f"go('{noun.name}')", noun.name.capitalize(), id=f"go.{noun.name}", show=False)
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
        Binding("question_mark", "help", "Help", id="help", key_display="?"),
        Binding("q", "quit", "Quit", id="quit"),
    ]

    def __init__(
        self,
        client: Client,
        *,
        email: str = "",
        password: str = "",
        start: str = "clusters",
        connect: Callable[[str], Client] = connecting.client_named,
    ) -> None:
        """`start` is a path as `nouns.opened` reads it."""
        super().__init__(client, email=email, password=password, connect=connect)
        self._start = start

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
        if action in {"command_palette", "go", "help", "sign_out"}:
            return self._client.user is not None and not isinstance(self.screen, ModalScreen | LoginScreen)
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
        if message.key == "new" and noun.create is not None:
            await self.push_screen(noun.create(self._client))
        elif noun.detail is not None:
            await self.push_screen(noun.detail(self._client, message.key))

    @on(messages.Read)
    async def _read(self, message: messages.Read) -> None:
        await self.push_screen(ReadingScreen(self._client, message.thing, message.form))

    def action_help(self) -> None:
        """Lists the keys of the screen below."""
        keys = [
            (self.get_key_display(active.binding), active.tooltip or active.binding.description)
            for active in self.screen.active_bindings.values()
            if active.enabled and active.binding.id
        ]
        keys = [
            *dict.fromkeys(keys),
            ("enter", "Open what the cursor is on"),
            ("tab", "Next part of the screen"),
        ]
        self.push_screen(Help(keys))

    # --- the end ---

    @override
    def _handle_exception(self, error: Exception) -> None:
        log.critical("The terminal stopped on an unexpected error.", exc_info=error)
        super()._handle_exception(error)

    @override
    def _fatal_error(self) -> None:
        # Textual would print a traceback with local variables here, passwords included.
        self.panic(
            "Keelyard's terminal stopped on an error of its own. Your clusters and jobs are not affected.\n"
            "Start it with --log FILE to keep the details, and report them."
        )
