"""The form that makes or changes a notification channel."""

from __future__ import annotations

from typing import Any, ClassVar

from tui import text, wire
from tui.screens.form import Field, Form, listed

_EVENTS = ("job_types", "statuses", "clusters")


class ChannelForm(Form[wire.Channel]):
    """Answers the channel as the server keeps it; a new webhook with its secret."""

    FIELDS: ClassVar = (
        ("name", "Name", ""),
        Field("kind", "Kind", "webhook", choices=("webhook", "mail")),
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
            "recipients": listed(values["recipients"]),
            "events": {member: listed(values[member]) for member in _EVENTS},
        }
        if self.known is None:
            return await self.client.save_channel(body, None)
        return await self.client.save_channel(body | {"enabled": self.known.enabled}, self.known.id)
