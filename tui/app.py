"""The operator's terminal: who is signed in, which screen is on top, and nothing else."""

from __future__ import annotations

import logging
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import ClassVar, override

from textual import on
from textual.app import App
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

from tui import errors, messages, nouns
from tui.client import Client
from tui.palette import Places
from tui.screens.dialogs import Help
from tui.screens.login import LoginScreen
from tui.screens.reading import ReadingScreen
from tui.screens.resource import ResourceScreen

log = logging.getLogger("keelyard.tui")


class Terminal(App[None]):
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
        Binding("question_mark", "help", "Help", id="help", key_display="?"),
        Binding("q", "quit", "Quit", id="quit"),
    ]

    def __init__(
        self, client: Client, *, email: str = "", password: str = "", start: str = "clusters"
    ) -> None:
        """`start` is a path as `nouns.opened` reads it."""
        super().__init__()
        self._client = client
        self._start = start
        self._email = email
        self._password = password

    def on_mount(self) -> None:
        """Registers the nouns and asks who is there."""
        for noun in nouns.registered():
            if noun.screen is not None:
                self.add_mode(noun.name, partial(noun.screen, self._client))
        password, self._password = self._password, ""
        self.push_screen(
            LoginScreen(self._client, email=self._email, password=password),
            lambda _: self._begin(),
        )

    def _begin(self) -> None:
        noun, key = nouns.opened(self._start) or (nouns.registered()[0], "")
        self.action_go(noun.name if noun.screen is not None else nouns.registered()[0].name)
        if key:
            self.post_message(messages.Open(noun.name, key))

    @override
    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Nothing but signing in before one is signed in, and no second dialog over a dialog."""
        if action in {"command_palette", "go", "help"}:
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

    @on(messages.SignInNeeded)
    def _sign_in_again(self, message: messages.SignInNeeded) -> None:
        if not isinstance(self.screen, LoginScreen):
            email = self._client.user.email if self._client.user else self._email
            self.push_screen(LoginScreen(self._client, email=email, reason=f"▲ {message.reason}"))

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

    @override
    async def action_quit(self) -> None:
        """Leaves; the session is revoked if the server answers at once."""
        with suppress(errors.ApiError):
            await self._client.sign_out()
        self.exit()

    # --- the end ---

    async def on_unmount(self) -> None:
        """Gives up the connections."""
        await self._client.close()

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
