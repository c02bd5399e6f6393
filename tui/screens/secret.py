"""The one sight of a secret that the server shows once."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Static

from tui import text
from tui.screens.dialogs import Dialog


class Secret(Dialog[None]):
    """It leaves by esc alone, so that no stray key hides it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("c", "copy", "Copy")]

    def __init__(self, of: str, secret: str, use: str) -> None:
        super().__init__()
        self._heading = f"Secret of {text.one_line(of)}. It is not shown again."
        self._secret = secret
        self._use = use

    def compose(self) -> ComposeResult:
        """The secret on a line of its own, to be marked with the mouse where copying does not work."""
        with Vertical(classes="dialog"):
            yield Static(self._heading, markup=False)
            yield Static(text.one_line(self._secret), id="secret", markup=False)
            yield Static(text.clean(self._use), markup=False)
            yield Static("c  copy     esc  leave", markup=False)

    def action_copy(self) -> None:
        """To the clipboard, of terminals that have one."""
        self.app.copy_to_clipboard(self._secret)
        self.notify("Copied, where the terminal allows it.", markup=False)
