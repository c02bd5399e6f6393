"""Users in Keelyard's own table."""

from __future__ import annotations

import uuid
from typing import Any

import asyncpg

from engine.domain.errors import NameTaken, NotFound
from engine.services import passwords
from engine.services.directory import NewUser, User, UserChange, UserFilter
from engine.store import account_list, accounts, records


class LocalDirectory:
    """The `account` table."""

    async def page(self, wanted: UserFilter, *, page: int, page_size: int) -> tuple[list[User], int]:
        """Users by e-mail address, and how many there are."""
        found, total = await account_list.page(
            search=wanted.search,
            role=wanted.role,
            enabled=wanted.enabled,
            offset=(page - 1) * page_size,
            limit=page_size,
        )
        return [_user(account) for account in found], total

    async def get(self, user_id: uuid.UUID) -> User | None:
        """The user with this id."""
        account = await accounts.get(user_id)
        return None if account is None else _user(account)

    async def find(self, email: str) -> User | None:
        """The user with this e-mail address, whatever its case."""
        account = await accounts.by_email(email.replace("\0", ""))
        return None if account is None else _user(account)

    async def enabled_admins(self) -> frozenset[uuid.UUID]:
        """Who administers and may come in."""
        return await account_list.enabled_admins()

    async def create(self, wanted: NewUser) -> User:
        """A new user; raises NameTaken when there is one with this e-mail address."""
        account = records.Account(
            email=wanted.email.lower(),
            password_hash=await passwords.hashed(wanted.password),
            roles=sorted(wanted.roles),
            full_name=wanted.full_name,
            enabled=wanted.enabled,
        )
        if await accounts.by_email(
            account.email
        ):  # inside a transaction the index may only be the last resort
            raise _taken(account.email)
        try:
            await accounts.add(account)
        except asyncpg.UniqueViolationError as error:
            raise _taken(account.email) from error
        return _user(account)

    async def update(self, user_id: uuid.UUID, change: UserChange) -> User:
        """The user as changed; raises NotFound and NameTaken."""
        values: dict[str, Any] = {}
        if change.email is not None:
            values["email"] = change.email.lower()
            holder = await accounts.by_email(change.email)
            if holder is not None and holder.id != user_id:
                raise _taken(values["email"])
        if change.full_name is not None:
            values["full_name"] = change.full_name
        if change.roles is not None:
            values["roles"] = sorted(change.roles)
        if change.enabled is not None:
            values["enabled"] = change.enabled
        try:
            await accounts.update(user_id, **values)
        except asyncpg.UniqueViolationError as error:
            raise _taken(values["email"]) from error
        return await self._existing(user_id)

    async def set_password(self, user_id: uuid.UUID, password: str) -> None:
        """Replace the password and forget failed logins; raises NotFound."""
        await self._existing(user_id)
        hashed = await passwords.hashed(password)
        await accounts.update(user_id, password_hash=hashed, failed_logins=0, locked_until=None)

    async def delete(self, user_id: uuid.UUID) -> None:
        """Forget the user; nothing when there is none."""
        await accounts.delete(user_id)

    async def _existing(self, user_id: uuid.UUID) -> User:
        user = await self.get(user_id)
        if user is None:
            raise NotFound(f"There is no user {user_id}.")
        return user


def _taken(email: str) -> NameTaken:
    return NameTaken(f"There is an account {email} already.")


def _user(account: records.Account) -> User:
    return User(
        id=account.id,
        email=account.email,
        full_name=account.full_name,
        roles=frozenset(account.roles),
        enabled=account.enabled,
        created_at=account.created_at,
        updated_at=account.updated_at,
    )
