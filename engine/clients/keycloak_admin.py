"""Keycloak's admin API through python-keycloak, within its traps."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec
from keycloak import KeycloakAdmin, KeycloakOpenIDConnection
from keycloak.exceptions import KeycloakAuthenticationError, KeycloakConnectionError, KeycloakError

from engine.clients.keycloak import unreachable
from engine.domain.errors import KeelyardError, ServiceUnavailable

CALLS_AT_ONCE = 8
LISTED_AT_ONCE = 500
CLIENT_SECONDS = 60.0  # for which the client's own roles are remembered


class AdminRefused(KeelyardError):
    """Keycloak does not do what it was asked; `told` is its own words."""

    def __init__(self, status: int, told: str) -> None:
        super().__init__(f"Keycloak answers {status}: {told}.")
        self.status = status
        self.told = told


class KeycloakAdminClient:
    """Users and roles of one realm, as the service account of our client."""

    def __init__(self, url: str, realm: str, client_id: str, client_secret: str) -> None:
        self._connection = KeycloakOpenIDConnection(
            server_url=f"{url.rstrip('/')}/",
            realm_name=realm,
            client_id=client_id,
            client_secret_key=client_secret,
            timeout=10,
        )
        self._admin = KeycloakAdmin(connection=self._connection)
        self._sessions = f"admin/realms/{realm}/sessions"
        self._client_id = client_id
        self._token = asyncio.Lock()
        self._calls = asyncio.Semaphore(CALLS_AT_ONCE)
        self._client: tuple[float, str | None, frozenset[str]] = (-CLIENT_SECONDS, None, frozenset())

    async def close(self) -> None:
        """Give up connections."""
        await self._connection.aclose()
        await self._connection.keycloak_openid.connection.aclose()

    @asynccontextmanager
    async def _asking(self) -> AsyncIterator[KeycloakAdmin]:
        """The library with a fresh token; raises AdminRefused and ServiceUnavailable for what it raises."""
        async with self._calls:
            try:
                async with self._token:  # else calls at once would each fetch one
                    expires = self._connection.expires_at
                    if expires is None or datetime.now(UTC) >= expires:
                        await self._connection.a_get_token()
                yield self._admin
            except KeycloakConnectionError as error:
                raise unreachable(error) from error
            except KeycloakAuthenticationError as error:
                raise ServiceUnavailable(
                    "Keycloak does not accept this server's own credentials.",
                    remedy="Check KEYCLOAK_CLIENT_SECRET and that the client has a service account.",
                ) from error
            except KeycloakError as error:
                raise _refusal(error) from error

    # -- users --

    async def users(self, query: dict[str, Any], *, first: int, most: int) -> list[dict[str, Any]]:
        """Users by name."""
        async with self._asking() as admin:
            found = await admin.a_get_users({**query, "first": first, "max": most})
        return list(found)

    async def count(self, query: dict[str, Any]) -> int:
        """How many users there are."""
        async with self._asking() as admin:
            return int(await admin.a_users_count(query))

    async def user(self, user_id: str) -> dict[str, Any] | None:
        """One user, None when there is none."""
        try:
            async with self._asking() as admin:
                return dict(await admin.a_get_user(user_id))
        except AdminRefused as error:
            if error.status == 404:
                return None
            raise

    async def create(self, user: dict[str, Any]) -> str:
        """The id of a new user."""
        async with self._asking() as admin:
            return str(await admin.a_create_user(user))

    async def update(self, user_id: str, change: dict[str, Any]) -> None:
        """Change members of a user. Without `attributes` all others stay as they are."""
        async with self._asking() as admin:
            await admin.a_update_user(user_id, change)

    async def set_password(self, user_id: str, password: str) -> None:
        """Replace a password, for good, and forget failed logins."""
        async with self._asking() as admin:
            await admin.a_set_user_password(user_id, password, temporary=False)
            await admin.a_clear_bruteforce_attempts_for_user(user_id)

    async def delete(self, user_id: str) -> None:
        """Forget a user."""
        async with self._asking() as admin:
            await admin.a_delete_user(user_id)

    # -- sessions --

    async def session_ids(self, user_id: str) -> list[str]:
        """Open sessions of a user."""
        async with self._asking() as admin:
            return [str(session["id"]) for session in await admin.a_get_sessions(user_id)]

    async def end_session(self, session_id: str) -> None:
        """End one session; nothing when it has ended."""
        async with self._asking():
            response = await self._connection.a_raw_delete(f"{self._sessions}/{session_id}")
        if response.status_code not in {204, 404}:
            raise AdminRefused(response.status_code, response.text[:200])

    async def log_out(self, user_id: str) -> None:
        """End every session of a user."""
        async with self._asking() as admin:
            await admin.a_user_logout(user_id)

    # -- roles --

    async def role_names(self, user_id: str) -> frozenset[str]:
        """Names of the realm's and our client's roles that a user has, directly, by group or by role."""
        client, known = await self._own_roles()
        async with self._asking() as admin:
            names = {role["name"] for role in await admin.a_get_composite_realm_roles_of_user(user_id)}
            if client is not None and known:
                own = await admin.a_get_composite_client_roles_of_user(user_id, client)
                names |= {role["name"] for role in own}
        return frozenset(names)

    async def members(self, names: Iterable[str]) -> list[dict[str, Any]]:
        """Users who were given any of these roles of the realm or our client, each once, by name."""
        client, known = await self._own_roles()
        found: dict[str, dict[str, Any]] = {}
        for name in names:
            for user in await self._every_member(name, None):
                found[user["id"]] = user
            if client is not None and name in known:
                for user in await self._every_member(name, client):
                    found[user["id"]] = user
        return sorted(found.values(), key=lambda user: str(user["username"]))

    async def _every_member(self, name: str, client: str | None) -> list[dict[str, Any]]:
        members: list[dict[str, Any]] = []
        while True:
            query = {"first": len(members), "max": LISTED_AT_ONCE}
            try:
                async with self._asking() as admin:
                    found = (
                        await admin.a_get_realm_role_members(name, query)
                        if client is None
                        else await admin.a_get_client_role_members(client, name, **query)
                    )
            except AdminRefused as error:
                if error.status == 404:  # a realm need not have every name of a role
                    return members
                raise
            members += found
            if len(found) < LISTED_AT_ONCE:
                return members

    async def exchange_roles(self, user_id: str, *, give: Iterable[str], take: Iterable[str]) -> None:
        """Give realm roles, and take what was given directly of others, of the realm's and our client's.

        Raises AdminRefused when the realm has no such role.
        """
        taken, client, known = set(take), *await self._own_roles()
        async with self._asking() as admin:
            have = list(await admin.a_get_realm_roles_of_user(user_id))
            missing = set(give) - {role["name"] for role in have}
            given = [await admin.a_get_realm_role(name) for name in sorted(missing)]
            if given:
                await admin.a_assign_realm_roles(user_id, given)
            if gone := [role for role in have if role["name"] in taken]:
                await admin.a_delete_realm_roles_of_user(user_id, gone)
            if client is not None and known & taken:
                own = await admin.a_get_client_roles_of_user(user_id, client)
                if gone := [role for role in own if role["name"] in taken]:
                    await admin.a_delete_client_roles_of_user(user_id, client, gone)

    async def _own_roles(self) -> tuple[str | None, frozenset[str]]:
        """Our client's id inside Keycloak and the names of its roles."""
        read, client, names = self._client
        if time.monotonic() - read >= CLIENT_SECONDS:
            async with self._asking() as admin:
                client = await admin.a_get_client_id(self._client_id)
                roles = [] if client is None else await admin.a_get_client_roles(client)
            names = frozenset(str(role["name"]) for role in roles)
            self._client = (time.monotonic(), client, names)
        return client, names


def _refusal(error: KeycloakError) -> KeelyardError:
    status = error.response_code or 0
    body = error.response_body or b""
    try:
        told = msgspec.json.decode(body)
    except msgspec.DecodeError:
        told = {}
    words = ""
    if isinstance(told, dict):
        words = str(told.get("error_description") or told.get("errorMessage") or told.get("error") or "")
    if status == 403:
        return ServiceUnavailable(
            "Keycloak does not let this server manage users.",
            remedy="Give its service account the roles view-users, query-users and manage-users of "
            "realm-management.",
        )
    if status >= 500 or not status:
        return ServiceUnavailable(f"Keycloak answers {status}.", remedy="Ask again in a moment.")
    return AdminRefused(status, words[:200] or "no reason given")
