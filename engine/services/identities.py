"""Which identity provider a server has: Keycloak when KEYCLOAK_URL names one, else accounts of our own."""

from __future__ import annotations

from urllib.parse import urlsplit

import msgspec

from engine.clients.keycloak import KeycloakClient
from engine.clients.keycloak_admin import KeycloakAdminClient
from engine.domain.errors import MisconfiguredServer
from engine.services.denied_sessions import DenyList, StoredDenyList
from engine.services.directory import Directory
from engine.services.identity import IdentityProvider
from engine.services.keycloak_directory import KeycloakDirectory
from engine.services.keycloak_provider import KeycloakIdentityProvider
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


def of(settings: Settings, denied: DenyList | None = None) -> Identities:
    """What the settings choose; raises MisconfiguredServer for settings of Keycloak that cannot be."""
    if not settings.keycloak_url:
        provider, directory = LocalIdentityProvider(settings), LocalDirectory()
        return Identities(provider, directory, Users(directory, provider), local=True)
    return _of_keycloak(settings, denied or StoredDenyList())


def _of_keycloak(settings: Settings, denied: DenyList) -> Identities:
    url = settings.keycloak_url.rstrip("/")
    place = urlsplit(url)
    if place.scheme not in {"http", "https"} or not place.hostname:
        raise MisconfiguredServer(
            "KEYCLOAK_URL is not a URL.", remedy="It looks like https://sso.example.com."
        )
    for name in ("keycloak_realm", "keycloak_client_id", "keycloak_client_secret"):
        if not getattr(settings, name):
            raise MisconfiguredServer(
                f"{name.upper()} is not set.", remedy="Keycloak needs all of realm, client and its secret."
            )
    who = (url, settings.keycloak_realm, settings.keycloak_client_id, settings.keycloak_client_secret)
    admin = KeycloakAdminClient(*who)
    provider = KeycloakIdentityProvider(
        KeycloakClient(*who),
        admin,
        denied,
        issuer=settings.keycloak_issuer or f"{url}/realms/{settings.keycloak_realm}",
        audience=settings.keycloak_audience,
        client_id=settings.keycloak_client_id,
    )
    directory = KeycloakDirectory(admin)
    return Identities(provider, directory, Users(directory, provider), local=False)
