"""Bodies of the service token routes."""

from __future__ import annotations

from datetime import datetime

from api.schemas.common import Reply, Request


class ServiceTokenCreate(Request):
    """A token to be made, for so many days; `tenant` is a slug, absent for any tenant."""

    name: str
    permissions: list[str]
    expires_in_days: int = 90
    tenant: str | None = None


class ServiceToken(Reply):
    """What automation authenticates with, without the token itself."""

    id: str
    name: str
    permissions: list[str]
    tenant_id: str | None
    created_by: str
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    last_used_address: str | None


class ServiceTokenMade(ServiceToken):
    """A token just made; `token` is shown this once."""

    token: str
