"""Who sits at the terminal: signing in and out, one profile or several, and the live connection of each."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import override

from textual import on, work
from textual.app import App
from textual.screen import ModalScreen, Screen

from tui import connecting, errors, messages, nouns, text
from tui.client import Client
from tui.live import Live
from tui.profiles import Profile, Profiles
from tui.screens.login import LoginScreen
from tui.style_sheet import StyleSheet
from tui.widgets.title_bar import TitleBar

_SIGN_IN_MODE = "sign-in"  # has nothing but the form


class SeatedApp(App[None]):
    """Keeps one client for each profile that was used; the screens work with the current one."""

    def __init__(
        self,
        client: Client,
        *,
        email: str = "",
        password: str = "",
        connect: Callable[[str], Client] = connecting.client_named,
    ) -> None:
        """`connect` makes the client of another profile; it raises ValueError and ConfigUnreadable."""
        super().__init__()
        self.stylesheet = StyleSheet(variables=self.get_css_variables())
        self._client = client
        self._email = email
        self._password = password
        self._connect = connect
        self._seats = {client.profile: client}

    @property
    def client(self) -> Client:
        """The current profile's."""
        return self._client

    def begin(self) -> None:
        """Shows the first screen, signed in."""
        raise NotImplementedError

    async def on_mount(self) -> None:
        """Asks who is there; in a browser its page has asked already."""
        password, self._password = self._password, ""
        self.add_mode(_SIGN_IN_MODE, Screen[None])
        await self.switch_mode(_SIGN_IN_MODE)
        self._add_modes()
        if self._client.user is not None:
            self._signed_in()
        else:
            self._ask(password=password)

    # --- profiles ---

    @on(messages.SwitchProfile)
    async def _switch(self, message: messages.SwitchProfile) -> None:
        if message.name == self._client.profile and self._client.user is not None:
            return
        try:
            client = self._seats.get(message.name) or self._connect(message.name)
        except (ValueError, errors.ConfigUnreadable) as wrong:
            self.notify(f"✗ not done: {text.clean(str(wrong))}", severity="error", markup=False)
            return
        self._seats[message.name] = client
        await self._sit(client)

    async def _sit(self, client: Client, reason: str = "") -> None:
        """Everything on the screen belongs to a profile, so all of it goes."""
        self.workers.cancel_group(self, "live")
        await self.switch_mode(_SIGN_IN_MODE)
        while len(self.screen_stack) > 1:
            await self.pop_screen()
        for noun in nouns.registered():
            if noun.screen is not None:
                await self.remove_mode(noun.name)
        self._client = client
        self._add_modes()
        if client.user is None:
            self._ask(reason=reason)
        else:
            self._signed_in()

    def _add_modes(self) -> None:
        for noun in nouns.registered():
            if noun.screen is not None:
                self.add_mode(noun.name, partial(noun.screen, self._client))

    # --- signing in and out ---

    def _ask(self, *, password: str = "", reason: str = "") -> None:
        profiles: list[Profile] = []
        email = self._email
        if self._client.profile:
            try:
                kept = Profiles.load()
            except errors.ConfigUnreadable as unreadable:
                reason = reason or f"▲ {unreadable}"
            else:
                profiles = list(kept)
                known = kept.get(self._client.profile)
                email = email or (known.email if known else "")
        self._email = ""  # it was given for the first profile
        screen = LoginScreen(self._client, email=email, password=password, reason=reason, profiles=profiles)
        self.push_screen(screen, lambda _: self._signed_in())

    def _signed_in(self) -> None:
        if self._client.profile:
            try:
                connecting.remember(self._client)
            except (errors.ConfigUnreadable, ValueError) as unwritten:
                self._tell(f"This profile is not remembered: {unwritten}")
        if self._client.remark:
            self._tell(self._client.remark)
        self._follow()
        if self.current_mode == _SIGN_IN_MODE:
            self.begin()

    def _tell(self, line: str) -> None:
        self.notify(f"▲ {text.clean(line)}", severity="warning", timeout=15, markup=False)

    @on(messages.SignInNeeded)
    def _sign_in_again(self, message: messages.SignInNeeded) -> None:
        if not isinstance(self.screen, LoginScreen):
            self._email = self._client.user.email if self._client.user else ""
            self._ask(reason=f"▲ {message.reason}")

    def action_sign_out(self) -> None:
        """Revokes and forgets this profile's sign-in."""
        self.post_message(messages.SignOut())

    @on(messages.SignOut)
    async def _sign_out(self) -> None:
        said = "▲ Signed out."
        self._email = self._client.user.email if self._client.user else ""
        try:
            await self._client.sign_out()
        except errors.ApiError as failed:
            said = f"▲ Signed out here. The server could not be told: {failed}"
        await self._sit(self._client, said)

    # --- what the server tells ---

    @work(exclusive=True, group="live")
    async def _follow(self) -> None:
        client = self._client
        try:
            await Live(client, self._news, self._live_changed).run()
        except errors.SessionEnded as ended:
            if client is self._client:
                self.post_message(messages.SignInNeeded(str(ended)))

    def _news(self, news: messages.News) -> None:
        """To the screen on top; a hidden one loads when it is seen again."""
        if not isinstance(self.screen, ModalScreen | LoginScreen):
            self.screen.post_message(news)

    def _live_changed(self) -> None:
        if self.is_running:
            for bar in self.screen.query(TitleBar):
                bar.look()

    # --- leaving ---

    @override
    async def action_quit(self) -> None:
        """Leaves; a sign-in that is not kept is revoked if the server answers at once."""
        self.workers.cancel_group(self, "live")
        for client in self._seats.values():
            with suppress(errors.ApiError):
                await client.leave()
        self.exit()

    async def on_unmount(self) -> None:
        """Gives up the connections."""
        for client in self._seats.values():
            await client.close()
