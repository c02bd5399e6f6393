"""A forgotten password: asks for the mail, then for its token and a new password."""

from __future__ import annotations

from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input, Static

from tui import errors, text
from tui.client import Client
from tui.screens.dialogs import Dialog


class PasswordReset(Dialog[bool]):
    """Answers True once the new password holds."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Leave")]

    def __init__(self, client: Client, email: str) -> None:
        super().__init__()
        self._client = client
        self._email = email

    def compose(self) -> ComposeResult:
        """The address, the token of the mail, the new password."""
        with Vertical(classes="dialog"):
            yield Static("Forgot password", markup=False)
            yield Static("1  enter sends a mail with a token to your address", markup=False)
            yield Input(self._email, placeholder="e-mail", id="reset-email", compact=True)
            yield Static("2  the token of the mail and a new password, twice", markup=False)
            yield Input(placeholder="token", password=True, id="reset-token", compact=True)
            yield Input(placeholder="new password", password=True, id="reset-new", compact=True)
            yield Input(placeholder="new password again", password=True, id="reset-again", compact=True)
            yield Static("enter goes on · esc leaves", markup=False)
            yield Static("", id="dialog-error", markup=False)

    def on_mount(self) -> None:
        """The address is asked for first."""
        self.query_one("#reset-email", Input).focus()

    @on(Input.Submitted, "#reset-email")
    def _ask(self) -> None:
        email = self._value("reset-email")
        if email:
            self._request(email)

    @on(Input.Submitted, "#reset-token")
    def _token_given(self) -> None:
        self.query_one("#reset-new", Input).focus()

    @on(Input.Submitted, "#reset-new")
    def _new_given(self) -> None:
        self.query_one("#reset-again", Input).focus()

    @on(Input.Submitted, "#reset-again")
    def _confirm(self) -> None:
        token, new, again = (self._value(name) for name in ("reset-token", "reset-new", "reset-again"))
        if not token or not new:
            self._say("✗ The token of the mail and a new password are both needed.")
        elif new != again:
            self._say("✗ The two passwords differ.")
        else:
            self._change(token, new)

    @work(exclusive=True, group="reset")
    async def _request(self, email: str) -> None:
        self._say("◐ asking …")
        try:
            await self._client.request_password_reset(email)
        except errors.ApiError as refused:
            self._say(f"✗ {refused}")
        else:
            self._say("● If there is such an account, a mail with a token is on its way.")
            self.query_one("#reset-token", Input).focus()

    @work(exclusive=True, group="reset")
    async def _change(self, token: str, new: str) -> None:
        self._say("◐ changing …")
        try:
            await self._client.confirm_password_reset(token, new)
        except errors.ApiError as refused:
            self._say(f"✗ {refused}")
        else:
            self.app.notify("The new password holds. Sign in with it.", markup=False)
            self.dismiss(True)

    def _value(self, name: str) -> str:
        value = self.query_one(f"#{name}", Input).value
        return value if name in {"reset-new", "reset-again"} else value.strip()

    def _say(self, line: str) -> None:
        self.query_one("#dialog-error", Static).update(text.clean(line))
