"""The form that makes or changes a notification channel, and the one sight of a webhook's secret."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Static

from tui import text, wire
from tui.screens.dialogs import Dialog
from tui.screens.form import Form

_EVENTS = ("job_types", "statuses", "clusters")


def _listed(typed: str) -> list[str]:
    """What stands between commas or blanks."""
    return typed.replace(",", " ").split()


class ChannelForm(Form[wire.Channel]):
    """Answers the channel as the server keeps it; a new webhook with its secret."""

    FIELDS: ClassVar = (
        ("name", "Name", ""),
        ("kind", "Kind", "webhook"),
        ("url", "URL", "https://"),
        ("recipients", "Mail to", ""),
        ("job_types", "Job types", ""),
        ("statuses", "Ended as", "failed, interrupted"),
        ("clusters", "Clusters", ""),
    )
    HELP: ClassVar[str] = (
        "Kind: webhook, which has a URL, or mail, which has addresses.\n"
        "Job types, Ended as, Clusters: which jobs to tell of, with commas\n"
        "between several; empty means any. A webhook's secret is shown once.\n"
    )

    def heading(self) -> str:
        """New, or which."""
        return "New channel" if self.known is None else f"Channel {text.one_line(self.known.name)}"

    def value(self, member: str, known: wire.Channel) -> str:
        """Lists with commas between."""
        found = getattr(known.events if member in _EVENTS else known, member)
        return ", ".join(found) if isinstance(found, list) else found or ""

    async def save(self, values: dict[str, str]) -> wire.Channel:
        """A URL as it was offered is none: mail has addresses instead."""
        body: dict[str, Any] = {
            "name": values["name"],
            "kind": values["kind"],
            "url": None if values["url"] in {"", "https://"} else values["url"],
            "recipients": _listed(values["recipients"]),
            "events": {member: _listed(values[member]) for member in _EVENTS},
        }
        if self.known is None:
            return await self.client.save_channel(body, None)
        return await self.client.save_channel(body | {"enabled": self.known.enabled}, self.known.id)


class Secret(Dialog[None]):
    """A webhook's secret, for the only time; it leaves by esc alone, so that no stray key hides it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("c", "copy", "Copy")]

    def __init__(self, channel: wire.Channel, secret: str) -> None:
        super().__init__()
        self._channel_name = channel.name
        self._secret = secret

    def compose(self) -> ComposeResult:
        """The secret on a line of its own, to be marked with the mouse where copying does not work."""
        heading = f"Secret of {text.one_line(self._channel_name)}. It is not shown again."
        with Vertical(classes="dialog"):
            yield Static(heading, markup=False)
            yield Static(self._secret, id="secret", markup=False)
            yield Static("The receiver checks the signature of each notice with it.", markup=False)
            yield Static("c  copy     esc  leave", markup=False)

    def action_copy(self) -> None:
        """To the clipboard, of terminals that have one."""
        self.app.copy_to_clipboard(self._secret)
        self.notify("Copied, where the terminal allows it.", markup=False)
