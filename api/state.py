"""What the handlers of one server share, made when it starts."""

from __future__ import annotations

from typing import cast

from litestar import Litestar
from litestar.datastructures import State

from api.layers.browser_sessions import CsrfTokens
from engine.services.counters import Counters
from engine.services.encryption import Cipher
from engine.services.identities import Identities
from engine.services.live import Live
from engine.services.notification_channels import Channels
from engine.services.password_resets import PasswordResets
from engine.services.service_tokens import ServiceTokens
from engine.services.settings import Settings

VERSION = "1.0.0"  # of the wire contract, as its document says


class Shared:
    """Settings and the long-lived helpers."""

    def __init__(
        self,
        settings: Settings,
        identities: Identities,
        cipher: Cipher,
        live: Live,
        channels: Channels,
        counters: Counters,
        password_resets: PasswordResets,
    ) -> None:
        self.settings = settings
        self.identities = identities
        self.provider = identities.provider
        self.users = identities.users
        self.cipher = cipher
        self.live = live
        self.channels = channels
        self.counters = counters
        self.password_resets = password_resets
        self.service_tokens = ServiceTokens()
        self.csrf_tokens = CsrfTokens(settings.secret_key)


def of(app: Litestar) -> Shared:
    """What `create_app` put there."""
    return cast("Shared", app.state.shared)


def wrap(shared: Shared) -> State:
    """As Litestar keeps it; not copied, because it holds connections."""
    return State({"shared": shared}, deep_copy=False)
