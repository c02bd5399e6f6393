"""Users under rules: who may change whom, what stays possible, what is recorded; whatever keeps them."""

from __future__ import annotations

import re
import uuid
from typing import Any

from engine.domain import permissions
from engine.domain.errors import Conflict, FieldProblem, InvalidSpec, NotFound
from engine.domain.permissions import Permission, Principal
from engine.domain.statuses import Role
from engine.services import audit_log, passwords, tenant_members
from engine.services.directory import Directory, NewUser, User, UserChange, UserFilter
from engine.services.identity import Caller, IdentityProvider
from engine.store import database, locks

MAXIMUM_NAME = 200
# Deliberately loose: `.local` and other private domains are addresses too.
_EMAIL = re.compile(r"[^@\s\x00-\x20\x7f\"<>]{1,64}@[A-Za-z0-9.-]{1,253}")
_LOCK = "keelyard:users"


class Users:
    """Users of a directory; their sessions are those of the provider."""

    def __init__(self, directory: Directory, provider: IdentityProvider) -> None:
        self.directory = directory
        self._provider = provider

    # -- what is shown --

    async def page(
        self, principal: Principal, wanted: UserFilter, *, page: int, page_size: int
    ) -> tuple[list[User], int]:
        """Users by e-mail address, and how many there are; raises Forbidden."""
        permissions.require(principal, Permission.USER_MANAGE)
        return await self.directory.page(wanted, page=page, page_size=page_size)

    async def get(self, principal: Principal, user_id: uuid.UUID) -> User:
        """One user; raises Forbidden and NotFound."""
        permissions.require(principal, Permission.USER_MANAGE)
        return await self._existing(user_id)

    async def find(self, email: str) -> User:
        """The user with an e-mail address, for the command line; raises NotFound."""
        user = await self.directory.find(email)
        if user is None:
            raise NotFound(f"There is no account {email}.", remedy="`keelyard user list` shows all of them.")
        return user

    async def every(self) -> list[User]:
        """All users by e-mail address, for the command line."""
        found, page = [], 0
        while True:
            page += 1
            users, total = await self.directory.page(UserFilter(), page=page, page_size=100)
            found += users
            if not users or len(found) >= total:
                return found

    # -- what administrators do --

    async def create(self, wanted: NewUser, caller: Caller) -> User:
        """A new user; raises InvalidSpec, Forbidden and NameTaken."""
        _allowed(caller)
        wanted = NewUser(
            email=wanted.email.lower(),
            password=wanted.password,
            roles=wanted.roles,
            full_name=_name(wanted.full_name),
            enabled=wanted.enabled,
        )
        _check(wanted.email, wanted.full_name, wanted.roles)
        passwords.check(wanted.password)
        async with database.transaction():
            user = await self.directory.create(wanted)
            await _record(caller, "user:create", user, {"roles": sorted(user.roles), "enabled": user.enabled})
        return user

    async def update(
        self, user_id: uuid.UUID, change: UserChange, caller: Caller, *, password: str | None = None
    ) -> User:
        """The user as changed. Whoever is shut out, loses a role or gets a password has to log in again.

        Raises InvalidSpec, Forbidden, NotFound, NameTaken, and Conflict for what would leave nobody to
        administer, or for disabling oneself.
        """
        _allowed(caller)
        change = UserChange(
            email=None if change.email is None else change.email.lower(),
            full_name=None if change.full_name is None else _name(change.full_name),
            roles=change.roles,
            enabled=change.enabled,
        )
        _check(change.email, change.full_name, change.roles)
        if password is not None:
            passwords.check(password)
        async with database.transaction():
            await locks.until_commit(_LOCK)
            before = await self._existing(user_id)
            disabled = before.enabled and change.enabled is False
            if disabled and _is_self(caller, user_id):
                raise Conflict("Nobody disables the own account.", remedy="Another administrator can.")
            if disabled or (change.roles is not None and Role.ADMIN not in change.roles):
                await self._keep_an_admin(before)
            after = await self.directory.update(user_id, change)
            if after.email != before.email:
                await tenant_members.rename(user_id, after.email)
            if password is not None:
                await self.directory.set_password(user_id, password)
            if disabled or password is not None or not before.roles <= after.roles:
                await self._provider.end_sessions(user_id)
            await _record_change(caller, before, after, password_set=password is not None)
        return after

    async def set_password(self, user_id: uuid.UUID, password: str, caller: Caller) -> None:
        """Change a password, end every session of the account and let it log in at once."""
        await self.update(user_id, UserChange(), caller, password=password)

    async def set_enabled(self, user_id: uuid.UUID, caller: Caller, *, enabled: bool) -> User:
        """Let a user in, or shut it out and end its sessions."""
        return await self.update(user_id, UserChange(enabled=enabled), caller)

    async def delete(self, user_id: uuid.UUID, caller: Caller) -> None:
        """Forget a user and end its sessions. What it made and did keeps its name.

        Raises Forbidden, NotFound, and Conflict for the last administrator and for oneself.
        """
        _allowed(caller)
        async with database.transaction():
            await locks.until_commit(_LOCK)
            user = await self._existing(user_id)
            if _is_self(caller, user_id):
                raise Conflict("Nobody deletes the own account.", remedy="Another administrator can.")
            await self._keep_an_admin(user)
            await self._provider.end_sessions(user_id)
            await self.directory.delete(user_id)
            await tenant_members.forget(user_id)
            await _record(caller, "user:delete", user, {})

    async def _existing(self, user_id: uuid.UUID) -> User:
        user = await self.directory.get(user_id)
        if user is None:
            raise NotFound(f"There is no user {user_id}.", remedy="GET /api/v1/users lists them.")
        return user

    async def _keep_an_admin(self, user: User) -> None:
        if Role.ADMIN not in user.roles or not user.enabled:
            return
        if not await self.directory.enabled_admins() - {user.id}:
            raise Conflict(
                f"{user.email} is the last enabled administrator.",
                remedy="Make another administrator first.",
            )


def is_email(text: str) -> bool:
    """Whether a text can be the e-mail address of a user."""
    return _EMAIL.fullmatch(text) is not None


def parse_id(text: str) -> uuid.UUID:
    """The id of a user; raises NotFound for what cannot be one."""
    try:
        return uuid.UUID(text)
    except ValueError as error:
        raise NotFound(f"There is no user {text[:100]!r}.", remedy="GET /api/v1/users lists them.") from error


def _is_self(caller: Caller, user_id: uuid.UUID) -> bool:
    return caller.principal is not None and caller.principal.account_id == str(user_id)


def _allowed(caller: Caller) -> None:
    """Whoever has the database may do it without an account: that is the command line."""
    if caller.principal is not None:
        permissions.require(caller.principal, Permission.USER_MANAGE)


def _name(full_name: str) -> str:
    return " ".join(full_name.split())


def _check(email: str | None, full_name: str | None, roles: frozenset[Role] | None) -> None:
    problems = []
    if email is not None and not is_email(email):
        problems.append(FieldProblem("email", f"{email[:80]!r} is not an e-mail address"))
    if full_name is not None and (len(full_name) > MAXIMUM_NAME or not full_name.isprintable()):
        problems.append(
            FieldProblem("full_name", f"must have at most {MAXIMUM_NAME} characters, all printable")
        )
    if roles is not None and not roles:
        problems.append(FieldProblem("role", "must be at least one"))
    if problems:
        raise InvalidSpec(problems)


async def _record_change(caller: Caller, before: User, after: User, *, password_set: bool) -> None:
    changed: dict[str, Any] = {}
    for name in ("email", "full_name"):
        if getattr(before, name) != getattr(after, name):
            changed[name] = {"from": getattr(before, name), "to": getattr(after, name)}
    if before.roles != after.roles:
        changed["roles"] = {"from": sorted(before.roles), "to": sorted(after.roles)}
    # A change that says what is so already was asked for all the same.
    if changed or (before.enabled == after.enabled and not password_set):
        await _record(caller, "user:update", before, changed)
    if before.enabled != after.enabled:
        await _record(caller, "user:enable" if after.enabled else "user:disable", after, {})
    if password_set:
        await _record(caller, "user:set-password", after, {})


async def _record(caller: Caller, action: str, user: User, details: dict[str, Any]) -> None:
    resource = audit_log.Resource("user", str(user.id), user.email)
    await audit_log.record(caller, action, resource, actor="keelyard", details=details)
