"""What the settings say about notices."""

from __future__ import annotations

import ipaddress

import msgspec

from engine.clients import smtp, webhook
from engine.clients.smtp import MailServer
from engine.domain.errors import MisconfiguredServer
from engine.services.settings import Settings


class NoticeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How notices leave."""

    mail: MailServer | None
    allowed: tuple[webhook.Network, ...]  # webhooks may be there although the addresses are not public
    public_url: str  # links in notices start with it; without it they are paths

    def __repr__(self) -> str:
        return "NoticeSettings(...)"


def of(settings: Settings) -> NoticeSettings:
    """Raises MisconfiguredServer naming the variable that does not fit."""
    networks = []
    for text in settings.webhook_allowed_cidrs.split(","):
        if text.strip():
            try:
                networks.append(ipaddress.ip_network(text.strip()))
            except ValueError as error:
                raise MisconfiguredServer(f"WEBHOOK_ALLOWED_CIDRS does not fit: {error}.") from error
    public = settings.public_url.rstrip("/")
    if public and not public.startswith(("http://", "https://")):
        raise MisconfiguredServer("PUBLIC_URL is not an http:// or https:// URL.")
    return NoticeSettings(
        mail=smtp.server(settings.smtp_url, settings.mail_from), allowed=tuple(networks), public_url=public
    )
