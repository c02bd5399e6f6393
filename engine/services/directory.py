"""Where users are kept: one interface over our own table and over an outside system."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Protocol

import msgspec

from engine.domain.statuses import Role


class User(msgspec.Struct, frozen=True, kw_only=True):
    """Someone who can log in."""

    id: uuid.UUID
    email: str  # lower case
    full_name: str
    roles: frozenset[Role]  # empty for people of an outside system who have no business here
    enabled: bool
    created_at: datetime
    updated_at: datetime

    @property
    def highest_role(self) -> Role | None:
        """The one role that the provisioner's contract shows."""
        return next((role for role in Role if role in self.roles), None)


class NewUser(msgspec.Struct, frozen=True, kw_only=True):
    """A user to be made."""

    email: str
    password: str
    roles: frozenset[Role]
    full_name: str = ""
    enabled: bool = True

    def __repr__(self) -> str:
        return f"NewUser({self.email!r}, ...)"

    __str__ = __repr__


class UserChange(msgspec.Struct, frozen=True, kw_only=True):
    """What shall be different about a user; None means as it is."""

    email: str | None = None
    full_name: str | None = None
    roles: frozenset[Role] | None = None
    enabled: bool | None = None


class UserFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which users to list; None means any."""

    search: str | None = None  # part of the e-mail address or the name
    role: Role | None = None
    enabled: bool | None = None


class Directory(Protocol):
    """Keeps users. Rules, permissions and the audit log are those of `engine.services.users`.

    Every method raises ServiceUnavailable when the system behind it does not answer.
    """

    async def page(self, wanted: UserFilter, *, page: int, page_size: int) -> tuple[list[User], int]:
        """Users by e-mail address, and how many there are."""
        ...

    async def get(self, user_id: uuid.UUID) -> User | None:
        """The user with this id."""
        ...

    async def find(self, email: str) -> User | None:
        """The user with this e-mail address, whatever its case."""
        ...

    async def enabled_admins(self) -> frozenset[uuid.UUID]:
        """Who administers and may come in."""
        ...

    async def create(self, wanted: NewUser) -> User:
        """A new user; raises NameTaken when there is one with this e-mail address."""
        ...

    async def update(self, user_id: uuid.UUID, change: UserChange) -> User:
        """The user as changed; raises NotFound, and NameTaken for somebody else's e-mail address."""
        ...

    async def set_password(self, user_id: uuid.UUID, password: str) -> None:
        """Replace the password and forget failed logins; raises NotFound."""
        ...

    async def delete(self, user_id: uuid.UUID) -> None:
        """Forget the user; nothing when there is none."""
        ...
