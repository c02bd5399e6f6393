"""Users in Keycloak, by its admin API."""

from __future__ import annotations

import asyncio
import re
import uuid
from datetime import UTC, datetime
from typing import Any

from engine.clients.keycloak_admin import AdminRefused, KeycloakAdminClient
from engine.domain.errors import FieldProblem, InvalidSpec, KeelyardError, NameTaken, NotFound
from engine.domain.statuses import Role
from engine.services.directory import NewUser, User, UserChange, UserFilter
from engine.services.keycloak_tokens import ROLE_NAMES, roles_named
from engine.store import user_changes

_WILDCARDS = re.compile(r'[*"\0]')


class KeycloakDirectory:
    """The users of one realm."""

    def __init__(self, admin: KeycloakAdminClient) -> None:
        self._admin = admin

    async def page(self, wanted: UserFilter, *, page: int, page_size: int) -> tuple[list[User], int]:
        """Users by e-mail address, and how many there are."""
        first = (page - 1) * page_size
        if wanted.role is not None:
            members = await self._admin.members(ROLE_NAMES[wanted.role])
            found = [member for member in members if _fits(member, wanted)]
            return await self._users(found[first : first + page_size]), len(found)
        query: dict[str, Any] = {}
        if wanted.search is not None:
            if _WILDCARDS.search(wanted.search):
                return [], 0  # Keycloak takes these as placeholders, and no address or name has them
            query["search"] = f"*{wanted.search.strip()}*"
        if wanted.enabled is not None:
            query["enabled"] = str(wanted.enabled).lower()
        found, total = await asyncio.gather(
            self._admin.users(query, first=first, most=page_size), self._admin.count(query)
        )
        return await self._users(found), total

    async def get(self, user_id: uuid.UUID) -> User | None:
        """The user with this id."""
        found = await self._admin.user(str(user_id))
        if found is None or found.get("serviceAccountClientId"):
            return None
        return (await self._users([found]))[0]

    async def find(self, email: str) -> User | None:
        """The user with this e-mail address, whatever its case."""
        for member in ("email", "username"):
            query = {member: email.strip().lower(), "exact": "true"}
            if found := await self._admin.users(query, first=0, most=1):
                return (await self._users(found))[0]
        return None

    async def enabled_admins(self) -> frozenset[uuid.UUID]:
        """Who was given the highest role and may come in; those who have it by a group are not counted."""
        members = await self._admin.members(ROLE_NAMES[Role.ADMIN])
        return frozenset(uuid.UUID(member["id"]) for member in members if member.get("enabled"))

    async def create(self, wanted: NewUser) -> User:
        """A new user, or none; raises NameTaken, and InvalidSpec for what the realm does not allow."""
        given, family = _names(wanted.full_name)
        user = {
            "username": wanted.email,
            "email": wanted.email,
            "emailVerified": True,
            "enabled": wanted.enabled,
            "firstName": given,
            "lastName": family,
            "credentials": [{"type": "password", "value": wanted.password, "temporary": False}],
        }
        try:
            made = await self._admin.create(user)
        except AdminRefused as error:
            raise _problem(error, wanted.email) from error
        try:
            await self._admin.exchange_roles(made, give=_names_of(wanted.roles), take=())
        except BaseException as error:
            await self._admin.delete(made)
            if isinstance(error, AdminRefused):
                raise _problem(error, wanted.email) from error
            raise
        user_id = uuid.UUID(made)
        await user_changes.touch(user_id)
        return await self._existing(user_id)

    async def update(self, user_id: uuid.UUID, change: UserChange) -> User:
        """The user as changed; raises NotFound, NameTaken, and InvalidSpec for a realm's rules."""
        changed: dict[str, Any] = {}
        if change.email is not None:
            changed |= {"email": change.email, "emailVerified": True}
        if change.full_name is not None:
            changed["firstName"], changed["lastName"] = _names(change.full_name)
        if change.enabled is not None:
            changed["enabled"] = change.enabled
        try:
            if changed:
                await self._admin.update(str(user_id), changed)
            if change.roles is not None:
                kept = {name for role in change.roles for name in ROLE_NAMES[role]}
                known = {name for names in ROLE_NAMES.values() for name in names}
                await self._admin.exchange_roles(
                    str(user_id), give=_names_of(change.roles), take=known - kept
                )
        except AdminRefused as error:
            raise _problem(error, change.email or str(user_id)) from error
        await user_changes.touch(user_id)
        return await self._existing(user_id)

    async def set_password(self, user_id: uuid.UUID, password: str) -> None:
        """Replace the password, forget failed logins; raises NotFound, or InvalidSpec by a realm's rules."""
        try:
            await self._admin.set_password(str(user_id), password)
        except AdminRefused as error:
            raise _problem(error, str(user_id), field="password") from error
        await user_changes.touch(user_id)

    async def delete(self, user_id: uuid.UUID) -> None:
        """Forget the user; nothing when there is none."""
        try:
            await self._admin.delete(str(user_id))
        except AdminRefused as error:
            if error.status != 404:
                raise
        await user_changes.forget(user_id)

    async def _existing(self, user_id: uuid.UUID) -> User:
        user = await self.get(user_id)
        if user is None:
            raise NotFound(f"There is no user {user_id}.")
        return user

    async def _users(self, found: list[dict[str, Any]]) -> list[User]:
        ids = [uuid.UUID(user["id"]) for user in found]
        changed = await user_changes.times(ids)
        names = await asyncio.gather(*(self._admin.role_names(user["id"]) for user in found))
        users = []
        for user_id, user, held in zip(ids, found, names, strict=True):
            created = datetime.fromtimestamp(user.get("createdTimestamp", 0) / 1000, UTC)
            users.append(
                User(
                    id=user_id,
                    email=user.get("email") or user["username"],
                    full_name=_full_name(user),
                    roles=roles_named(held),
                    enabled=bool(user.get("enabled")),
                    created_at=created,
                    updated_at=changed.get(user_id, created),
                )
            )
        return users


def _names_of(roles: frozenset[Role]) -> list[str]:
    return [ROLE_NAMES[role][0] for role in sorted(roles)]


def _names(full_name: str) -> tuple[str, str]:
    """Keycloak keeps two names; the first word is the given one."""
    given, _, family = full_name.partition(" ")
    return given, family


def _full_name(user: dict[str, Any]) -> str:
    return f"{user.get('firstName') or ''} {user.get('lastName') or ''}".strip()


def _fits(user: dict[str, Any], wanted: UserFilter) -> bool:
    if wanted.enabled is not None and bool(user.get("enabled")) != wanted.enabled:
        return False
    text = f"{user.get('email') or user['username']} {_full_name(user)}".lower()
    return wanted.search is None or wanted.search.lower() in text


def _problem(error: AdminRefused, who: str, *, field: str = "email") -> KeelyardError:
    """What Keycloak has against a change, as the member that it is about."""
    if error.status == 404 and "role" in error.told.lower():
        return InvalidSpec(
            [FieldProblem("role", "is not a role of the realm in Keycloak; make it there first")]
        )
    if error.status == 404:
        return NotFound(f"There is no user {who}.", remedy="GET /api/v1/users lists them.")
    if error.status == 409:
        return NameTaken(f"There is an account {who} already.")
    if "password" in error.told.lower():
        field = "password"
    return InvalidSpec([FieldProblem(field, f"Keycloak says: {error.told}")])
