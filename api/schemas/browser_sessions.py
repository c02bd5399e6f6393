"""Bodies of the browser session routes."""

from __future__ import annotations

from api.schemas.auth import User
from api.schemas.common import Reply


class BrowserSession(Reply):
    """A session whose tokens are in cookies; mutations send `csrf_token` as `X-CSRF-Token`."""

    csrf_token: str
    expires_in: int
    user: User
