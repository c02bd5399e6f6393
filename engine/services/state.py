"""Opens and closes the state of a process that serves requests."""

from __future__ import annotations

import re

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


async def open_database(url: str) -> None:
    """Open the connection pool of this process; raises ServiceUnavailable."""
    await database.connect(url)


async def close_database() -> None:
    """Close the connection pool."""
    await database.close()
