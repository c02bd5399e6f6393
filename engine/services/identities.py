"""Which identity provider a server has: Keycloak when KEYCLOAK_URL names one, else accounts of our own."""

from __future__ import annotations

import msgspec

from engine.services.directory import Directory
from engine.services.identity import IdentityProvider
from engine.services.local_directory import LocalDirectory
from engine.services.sessions import LocalIdentityProvider
from engine.services.settings import Settings
from engine.services.users import Users


class Identities(msgspec.Struct, frozen=True):
    """The provider of sessions, the directory of users, and users under rules."""

    provider: IdentityProvider
    directory: Directory
    users: Users
    local: bool  # accounts are in our own table

    async def close(self) -> None:
        """Give up connections."""
        await self.provider.close()


def of(settings: Settings) -> Identities:
    """What the settings choose."""
    provider, directory = LocalIdentityProvider(settings), LocalDirectory()
    return Identities(provider, directory, Users(directory, provider), local=True)
