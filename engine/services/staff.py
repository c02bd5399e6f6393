"""Staff: the users of the directory as the control plane's contract sees them."""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence

from engine.domain.errors import AccountDisabled, FieldProblem, InvalidSpec, NotFound, Unauthenticated
from engine.domain.statuses import Role
from engine.services import passwords
from engine.services.directory import NewUser, User
from engine.services.identity import Caller
from engine.services.users import Users, is_email

_UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.IGNORECASE)
_NO_ADDRESS = FieldProblem("email", "is not an e-mail address")


async def profile(users: Users, account_id: str, *, refusal: str | None = None) -> User:
    """The account of a genuine token.

    Args:
        refusal: why the token does not hold any more, when it does not.

    Raises NotFound when the account was deleted, AccountDisabled, and Unauthenticated with the refusal.
    """
    user = await users.directory.get(uuid.UUID(account_id))
    if user is None:
        raise NotFound("This staff member does not exist any more.")
    if not user.enabled:
        raise AccountDisabled(f"The account {user.email} is disabled.", remedy="Ask an administrator.")
    if refusal is not None:
        raise Unauthenticated(refusal)
    return user


async def register(users: Users, email: str, password: str, roles: frozenset[Role], caller: Caller) -> User:
    """A new account; raises InvalidSpec with all that is wrong, Forbidden, and NameTaken."""
    problems = [] if is_email(email) else [_NO_ADDRESS]
    problems += wrong_password(password, "password")
    if not roles:
        problems.append(FieldProblem("roles", "must name at least one role"))
    if problems:
        raise InvalidSpec(problems)
    return await users.create(NewUser(email=email, password=password, roles=roles), caller)


async def set_enabled(users: Users, staff_id: str, caller: Caller, *, enabled: bool) -> User:
    """Let an account in or shut it out.

    Raises InvalidSpec for what is no UUID v4, Forbidden, NotFound, and Conflict for the own account and
    for the last administrator.
    """
    if not _UUID4.fullmatch(staff_id):
        raise InvalidSpec([FieldProblem("staff_id", "is not a UUID v4")])
    try:
        return await users.set_enabled(uuid.UUID(staff_id), caller, enabled=enabled)
    except NotFound as error:
        raise NotFound(f"There is no staff member {staff_id}.") from error


def require_email(email: str) -> str:
    """An e-mail address in lower case; raises InvalidSpec for what is none."""
    if not is_email(email):
        raise InvalidSpec([_NO_ADDRESS])
    return email.lower()


def wrong_password(password: str, field: str) -> Sequence[FieldProblem]:
    """What is wrong with a new password, under the name that the request gives it."""
    try:
        passwords.check(password, field)
    except InvalidSpec as error:
        return error.problems
    return []
