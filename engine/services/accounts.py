"""The first administrator of a server that keeps its accounts itself."""

from __future__ import annotations

import msgspec

from engine.domain.errors import InvalidSpec, MisconfiguredServer, NameTaken
from engine.domain.statuses import Role
from engine.services import passwords
from engine.services.directory import NewUser
from engine.services.identities import Identities
from engine.services.identity import Caller
from engine.services.settings import DOCUMENTED_PASSWORD, Settings
from engine.store import accounts


class FirstAdministrator(msgspec.Struct, frozen=True):
    """The account made on the first start; `password` only when it was made up here and must be shown."""

    email: str
    password: str | None

    def __repr__(self) -> str:
        return f"FirstAdministrator({self.email!r}, ...)"

    __str__ = __repr__


async def ensure_first_administrator(settings: Settings, identities: Identities) -> FirstAdministrator | None:
    """Make the first administrator when there is no account yet; None when there is, or they are elsewhere.

    The password is ADMIN_PASSWORD, in a demo the documented one, else random. Raises MisconfiguredServer when
    ADMIN_EMAIL or ADMIN_PASSWORD does not fit the rules.
    """
    if not identities.local or await accounts.count():
        return None
    made_up = None
    given = settings.admin_password or (DOCUMENTED_PASSWORD if settings.keelyard_demo else "")
    if not given:
        given = made_up = passwords.generate()
    first = NewUser(
        email=settings.admin_email,
        password=given,
        roles=frozenset({Role.ADMIN}),
        full_name="Administrator",
    )
    try:
        await identities.users.create(first, Caller())
    except NameTaken:  # another process was first
        return None
    except InvalidSpec as error:
        told = "; ".join(f"ADMIN_{found.field.upper()} {found.message}" for found in error.problems)
        raise MisconfiguredServer(f"The first administrator cannot be made: {told}.") from error
    return FirstAdministrator(settings.admin_email.lower(), made_up)
