"""Accounts of the local identity provider: the first administrator, and what `keelyard user` does."""

from __future__ import annotations

import re

import asyncpg
import msgspec

from engine.domain.errors import FieldProblem, InvalidSpec, NameTaken, NotFound
from engine.domain.statuses import Role
from engine.services import audit_log, passwords
from engine.services.identity import Caller
from engine.services.settings import DOCUMENTED_PASSWORD, Settings
from engine.store import account_list, accounts, database, records, sessions

# Deliberately loose: `.local` and other private domains are addresses too.
_EMAIL = re.compile(r"[^@\s\x00-\x20]{1,64}@[A-Za-z0-9.-]{1,255}")


class FirstAdministrator(msgspec.Struct, frozen=True):
    """The account made on the first start; `password` only when it was made up here and must be shown."""

    email: str
    password: str | None

    def __repr__(self) -> str:
        return f"FirstAdministrator({self.email!r}, ...)"

    __str__ = __repr__


async def ensure_first_administrator(settings: Settings) -> FirstAdministrator | None:
    """Make the first administrator when there is no account yet; None when there is one.

    The password is ADMIN_PASSWORD, in a demo the documented one, else random.
    """
    if await accounts.count():
        return None
    made_up = None
    given = settings.admin_password or (DOCUMENTED_PASSWORD if settings.keelyard_demo else "")
    if not given:
        given = made_up = passwords.generate()
    try:
        await create(settings.admin_email, given, Role.ADMIN, full_name="Administrator", caller=Caller())
    except NameTaken:  # another process was first
        return None
    return FirstAdministrator(settings.admin_email.lower(), made_up)


async def create(
    email: str, password: str, role: Role, *, full_name: str = "", caller: Caller
) -> records.Account:
    """A new account; raises InvalidSpec or NameTaken."""
    _check_email(email)
    passwords.check(password)
    account = records.Account(
        email=email.lower(), password_hash=await passwords.hashed(password), roles=[role], full_name=full_name
    )
    try:
        async with database.transaction():
            await accounts.add(account)
            await _record(caller, "user:create", account, {"role": role.value})
    except asyncpg.UniqueViolationError as error:
        raise NameTaken(f"There is an account {account.email} already.") from error
    return account


async def set_password(email: str, password: str, *, caller: Caller) -> None:
    """Change a password, end every session of the account and let it log in at once."""
    passwords.check(password)
    account = await get(email)
    hashed = await passwords.hashed(password)
    async with database.transaction():
        await accounts.update(account.id, password_hash=hashed, failed_logins=0, locked_until=None)
        await sessions.revoke_account(account.id)
        await _record(caller, "user:set-password", account, {})


async def set_enabled(email: str, *, enabled: bool, caller: Caller) -> None:
    """Let an account in, or shut it out and end its sessions."""
    account = await get(email)
    async with database.transaction():
        await accounts.update(account.id, enabled=enabled)
        if not enabled:
            await sessions.revoke_account(account.id)
        await _record(caller, "user:enable" if enabled else "user:disable", account, {})


async def get(email: str) -> records.Account:
    """The account with an e-mail address; raises NotFound."""
    account = await accounts.by_email(email)
    if account is None:
        raise NotFound(f"There is no account {email}.", remedy="`keelyard user list` shows all of them.")
    return account


async def every() -> list[records.Account]:
    """All accounts by e-mail address."""
    return await account_list.every()


def _check_email(email: str) -> None:
    if not _EMAIL.fullmatch(email):
        raise InvalidSpec([FieldProblem("email", f"{email[:80]!r} is not an e-mail address")])


async def _record(caller: Caller, action: str, account: records.Account, details: dict[str, str]) -> None:
    resource = audit_log.Resource("account", str(account.id), account.email)
    await audit_log.record(caller, action, resource, actor="keelyard", details=details)
