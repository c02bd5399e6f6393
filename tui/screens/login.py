"""Signing in, at the start and again whenever the session has ended."""

from __future__ import annotations

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import Screen
from textual.widgets import Button, Input, Static

from tui import errors, text
from tui.client import Client


class LoginScreen(Screen[bool]):
    """Asks for e-mail and password; answers True once the server has accepted them."""

    def __init__(self, client: Client, *, email: str = "", password: str = "", reason: str = "") -> None:
        super().__init__()
        self._client = client
        self._email = email
        self._password = password
        self._reason = reason

    def compose(self) -> ComposeResult:
        """Two fields, a button, a line for what went wrong."""
        with Vertical(id="login"):
            yield Static(f"keelyard  {self._client.url}", markup=False)
            if self._client.is_exposed:
                yield Static("▲ Not encrypted: others on the way can read your password.", markup=False)
            yield Input(self._email, placeholder="e-mail", id="email")
            yield Input(self._password, placeholder="password", password=True, id="password")
            yield Button("Sign in", id="sign-in", compact=True)
            yield Static("enter signs in · tab next field · ctrl+q leaves", markup=False)
            yield Static(text.clean(self._reason), id="login-message", markup=False)

    def on_mount(self) -> None:
        """Starts at the first empty field; with both given, signs in at once."""
        self.query_one("#password" if self._email else "#email", Input).focus()
        if self._email and self._password:
            self.action_sign_in()
        self._password = ""

    @on(Input.Submitted, "#email")
    def _email_given(self) -> None:
        self.query_one("#password", Input).focus()

    @on(Input.Submitted, "#password")
    @on(Button.Pressed, "#sign-in")
    def action_sign_in(self) -> None:
        """Sends what was typed."""
        email = self.query_one("#email", Input).value.strip()
        password = self.query_one("#password", Input).value
        if not email or not password:
            self._say("Type your e-mail and your password.")
            return
        self._say("◐ signing in …")
        self._sign_in(email, password)

    @work(exclusive=True, group="sign-in")
    async def _sign_in(self, email: str, password: str) -> None:
        try:
            await self._client.sign_in(email, password)
        except errors.ApiError as refused:
            self._say(f"✗ {refused}")
            field = self.query_one("#password", Input)
            field.value = ""
            field.focus()
        else:
            self.dismiss(True)

    def _say(self, line: str) -> None:
        self.query_one("#login-message", Static).update(text.clean(line))
