"""Opens and closes the state of a process that serves requests."""

from __future__ import annotations

import re

from engine.clients.redis import RedisClient
from engine.domain.errors import MisconfiguredServer
from engine.services.settings import Settings
from engine.store import database

_DRIVER = re.compile(r"^postgres(?:ql)?(?:\+\w+)?://")


def database_url(settings: Settings) -> str:
    """DATABASE_URL without the name of a driver; raises MisconfiguredServer when there is none."""
    if not settings.database_url:
        raise MisconfiguredServer(
            "DATABASE_URL is not set.",
            remedy="`keelyard up` brings a database along; `keelyard api` needs one.",
        )
    return _DRIVER.sub("postgresql://", settings.database_url)


def redis(settings: Settings) -> RedisClient | None:
    """The Redis that REDIS_URL names; raises MisconfiguredServer for a URL that is none."""
    return RedisClient(settings.redis_url) if settings.redis_url else None


async def open_database(url: str) -> None:
    """Open the connection pool of this process; raises ServiceUnavailable."""
    await database.connect(url)


async def close_database() -> None:
    """Close the connection pool."""
    await database.close()
