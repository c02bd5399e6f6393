"""Bodies of the control plane's contract."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from datetime import UTC, datetime

from api.schemas.common import Reply, Request
from engine.domain.statuses import Role


def timestamp(at: datetime | None = None) -> str:
    """A time, by default this moment, as the contract writes it: UTC, milliseconds, Z."""
    moment = (at or datetime.now(UTC)).astimezone(UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class StaffRole(enum.StrEnum):
    """The roles in this contract's names."""

    ADMIN = "admin"
    MANAGER = "manager"
    STAFF = "staff"


_ROLES = {
    StaffRole.ADMIN: Role.ADMIN,
    StaffRole.MANAGER: Role.OPERATOR,
    StaffRole.STAFF: Role.VIEWER,
}


def roles_of(names: Iterable[StaffRole]) -> frozenset[Role]:
    """Roles by their names here."""
    return frozenset(_ROLES[name] for name in names)


def names_of(roles: Iterable[Role]) -> list[StaffRole]:
    """The names of roles here, the highest first."""
    held = set(roles)
    return [name for name, role in _ROLES.items() if role in held]


class Envelope[T](Reply):
    """What every success is wrapped in."""

    data: T
    timestamp: str
    success: bool = True


class ErrorDetail(Reply, rename={"correlation_id": "correlationId"}):
    """What went wrong; the id finds it in the server's log."""

    code: str
    message: str
    correlation_id: str


class ErrorReply(Reply):
    """Every error."""

    error: ErrorDetail
    timestamp: str


class Login(Request):
    """A password login."""

    email: str
    password: str


class LoggedIn(Reply):
    """Who logged in."""

    staff_id: str
    email: str
    roles: list[StaffRole]
    enabled: bool


class Session(Reply):
    """An access token and whose it is."""

    token: str
    staff: LoggedIn


class ResetRequest(Request):
    """Asks for a mail with a reset token."""

    email: str


class ResetConfirm(Request):
    """The token of the mail and the new password."""

    token: str
    new_password: str


class Message(Reply):
    """A word to the caller."""

    message: str


class StaffRegister(Request):
    """A new account. The password: 8 to 128 characters, upper and lower case, a digit, a special one."""

    email: str
    password: str
    roles: list[StaffRole]


class Registered(Reply):
    """The account that was made."""

    staff_id: str
    email: str
    roles: list[StaffRole]
    enabled: bool
    created_at: str


class Profile(Registered):
    """An account as its owner sees it."""

    updated_at: str


class StaffId(Request):
    """Which account."""

    staff_id: str


class Switched(Reply):
    """The account that was let in or shut out."""

    message: str
    staff_id: str


class Contact(Request, omit_defaults=True):
    """Whom to call; members that were not given are left out of the reply."""

    phone: str | None = None
    address: str | None = None
    company: str | None = None


class TenantRegister(Request):
    """A new tenant; `slug` is its short name in the header that names a tenant."""

    name: str
    email: str
    contact_info: Contact | None = None
    slug: str | None = None


class TenantRegistered(Reply):
    """The tenant that was made."""

    tenant_id: str
    name: str
    email: str
    contact_info: Contact
    status: str
    created_at: str


def envelope[T](data: T) -> Envelope[T]:
    """Data as it is answered."""
    return Envelope(data=data, timestamp=timestamp())
