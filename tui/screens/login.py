"""Signing in, at the start and again whenever the session has ended."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import ClassVar
from urllib.parse import urlsplit

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import Screen
from textual.widgets import Button, Checkbox, Input, Select, Static

from tui import errors, messages, text
from tui.client import Client
from tui.profiles import Profile
from tui.screens.password_reset import PasswordReset

_MANY_REFUSALS = 3
_FIRST_WAIT_SECONDS = 2.0
_LONGEST_WAIT_SECONDS = 15.0
_PAUSES = (
    "Several failed attempts make an account pause, 15 s at first and at most 15 min; "
    "meanwhile even the right password is refused."
)


class Mark(Checkbox):
    """A checkbox whose mark is there or not, rather than in another colour."""

    def on_mount(self) -> None:
        """The first mark; the watcher sees changes only."""
        self._draw()

    @on(Checkbox.Changed)
    def _draw(self) -> None:
        self.BUTTON_INNER = "✓" if self.value else " "
        self.refresh()


class EmailInput(Input):
    """Hands the keys on at once, so that a password typed right behind it is never shown here."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,tab", "screen.to_password", "Password", id="login.password", show=False, priority=True)
    ]


class LoginScreen(Screen[bool]):
    """Resumes a kept sign-in, or asks for e-mail and password; answers True once the server has accepted."""

    def __init__(
        self,
        client: Client,
        *,
        email: str = "",
        password: str = "",
        reason: str = "",
        profiles: Sequence[Profile] = (),
    ) -> None:
        super().__init__()
        self._client = client
        self._email = email
        self._password = password
        self._reason = reason
        self._profiles = {profile.name: profile for profile in profiles}
        self._refusals = 0

    def compose(self) -> ComposeResult:
        """Where, two fields, what can be done, a line for what went wrong."""
        with Vertical(id="login"):
            yield Static(self._where(), markup=False)
            if len(self._profiles.keys() | {self._client.profile}) > 1:
                yield self._choice()
            if self._client.is_exposed:
                yield Static("▲ Not encrypted: others on the way can read your password.", markup=False)
            if self._client.read_only:
                yield Static("▲ Read-only: nothing can be changed from here.", markup=False)
            yield EmailInput(self._email, placeholder="e-mail", id="email")
            yield Input(self._password, placeholder="password", password=True, id="password")
            if self._client.can_keep:
                yield Mark("Stay signed in on this machine", self._is_home(), id="keep", compact=True)
            with Horizontal(id="login-buttons"):
                yield Button("Sign in", id="sign-in", compact=True)
                yield Button("Forgot password", id="forgot", compact=True)
            yield Static("enter signs in · tab next field · ctrl+q leaves", markup=False)
            yield Static(text.clean(self._reason), id="login-message", markup=False)

    def _is_home(self) -> bool:
        """Whether one comes back here; an address given once is named after itself."""
        return self._client.profile in self._profiles or self._client.profile not in self._client.url

    def _where(self) -> str:
        name, url = self._client.profile, self._client.url
        return f"keelyard  {url}" if name in {"", urlsplit(url).netloc} else f"keelyard  {name} · {url}"

    def _choice(self) -> Select[str]:
        names = dict.fromkeys([*self._profiles, self._client.profile])
        options = [
            (f"{name} · {self._profiles[name].url}" if name in self._profiles else name, name)
            for name in names
        ]
        return Select(options, value=self._client.profile, allow_blank=False, id="profile", compact=True)

    def on_mount(self) -> None:
        """Starts at the first empty field; with both given, signs in at once."""
        self._rest()
        password, self._password = self._password, ""
        if self._email and password:
            self.action_sign_in()
        elif self._client.can_keep:
            self._resume()

    @on(Select.Changed, "#profile")
    def _profile_chosen(self, event: Select.Changed) -> None:
        if isinstance(event.value, str) and event.value != self._client.profile:
            self.workers.cancel_group(self, "sign-in")
            self.app.post_message(messages.SwitchProfile(event.value))

    def action_to_password(self) -> None:
        """The e-mail address is given."""
        self.set_focus(self.query_one("#password", Input))

    @on(Input.Submitted, "#password")
    @on(Button.Pressed, "#sign-in")
    def action_sign_in(self) -> None:
        """Sends what was typed."""
        email = self.query_one("#email", Input).value.strip()
        password = self.query_one("#password", Input).value
        if not email or not password:
            self.say("Type your e-mail and your password.")
            return
        self.say("◐ signing in …")
        keep = any(box.value for box in self.query("#keep").results(Checkbox))
        self._sign_in(email, password, keep)

    @on(Button.Pressed, "#forgot")
    def _forgot(self) -> None:
        self.app.push_screen(PasswordReset(self._client, self.query_one("#email", Input).value.strip()))

    @work(exclusive=True, group="sign-in")
    async def _sign_in(self, email: str, password: str, keep: bool) -> None:
        try:
            await self._client.sign_in(email, password, keep=keep)
        except errors.ApiError as refused:
            self.query_one("#password", Input).value = ""
            self.query_one("#password", Input).focus()
            await self._tell(refused)
        else:
            self.dismiss(True)

    async def _tell(self, refused: errors.ApiError) -> None:
        """The server's words; how long it wants to be left alone, second by second."""
        said = f"✗ {refused}"
        if isinstance(refused, errors.Refused):
            self._refusals += 1
            if self._refusals >= _MANY_REFUSALS:
                said = f"{said}\n{_PAUSES}"
        until = time.monotonic() + refused.retry_after_seconds
        while (left := until - time.monotonic()) > 0:
            self.say(f"{said}\nTry again in {text.duration(left + 0.999)}.")
            await asyncio.sleep(min(1.0, left))
        self.say(f"{said}\nYou can try again now." if refused.retry_after_seconds else said)

    @work(exclusive=True, group="sign-in")
    async def _resume(self) -> None:
        """With the kept sign-in; while the server is away, again and again until somebody types instead."""
        wait = _FIRST_WAIT_SECONDS
        while True:
            try:
                user = await self._client.resume()
            except errors.SessionEnded:
                self.say("▲ The sign-in kept here has ended. Sign in again.")
                return
            except errors.ApiError as failed:
                wait = max(wait, failed.retry_after_seconds)
                self.say(f"▲ {failed}\nTrying again in {text.duration(wait)}.")
            else:
                if user is not None:
                    self.dismiss(True)
                elif self._client.remark and not self._reason:
                    self.say(f"▲ {self._client.remark}")
                return
            await asyncio.sleep(wait)
            wait = min(wait * 2, _LONGEST_WAIT_SECONDS)

    def _rest(self) -> None:
        self.query_one("#password" if self.query_one("#email", Input).value else "#email", Input).focus()

    def say(self, line: str) -> None:
        """Shows the line under the form."""
        self.query_one("#login-message", Static).update(text.clean(line))
