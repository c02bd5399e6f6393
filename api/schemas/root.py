"""Replies of the server itself."""

from __future__ import annotations

from api.schemas.common import Reply


class About(Reply):
    """What this server is and where its contracts are served."""

    message: str
    version: str
    docs: str
    api: str
    contracts: dict[str, str]


class Health(Reply):
    """Whether the server answers."""

    status: str
    version: str
