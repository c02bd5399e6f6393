"""Bodies of the user routes."""

from __future__ import annotations

from datetime import datetime

import msgspec

from api.schemas.common import Reply, Request
from engine.domain.statuses import Role


class User(Reply):
    """Someone who can log in. `role` is the highest held, null for people without one."""

    id: str
    email: str
    full_name: str
    role: str | None
    enabled: bool
    created_at: datetime
    updated_at: datetime


class UserCreate(Request):
    """A user to be made. The password: 8 to 128 characters, upper and lower case, a digit, a special one."""

    email: str
    password: str
    full_name: str = ""
    role: Role = Role.VIEWER
    enabled: bool = True


class UserUpdate(Request):
    """A user as it shall be; what is left out stays as it is, the password too."""

    email: str | msgspec.UnsetType = msgspec.UNSET
    full_name: str | msgspec.UnsetType = msgspec.UNSET
    role: Role | msgspec.UnsetType = msgspec.UNSET
    enabled: bool | msgspec.UnsetType = msgspec.UNSET
    password: str | msgspec.UnsetType = msgspec.UNSET
