"""Opens and closes the state of a process that serves requests."""

from __future__ import annotations

from engine import content
from engine.domain.errors import MisconfiguredServer
from engine.services.settings import Settings
from engine.store import database

LOCATION = "postgresql/dsn"  # below KEELYARD_HOME; written by whoever runs the embedded PostgreSQL


def database_url(settings: Settings) -> str:
    """DATABASE_URL, or where the embedded PostgreSQL of this machine can be reached; raises MisconfiguredServer."""
    if settings.database_url:
        return settings.database_url
    location = content.home() / LOCATION
    if not location.is_file():
        raise MisconfiguredServer(
            "There is no database: DATABASE_URL is not set, and no embedded PostgreSQL was started here.",
            remedy="Run `keelyard up`, or set DATABASE_URL.",
        )
    return location.read_text().strip()


async def open_database(url: str) -> None:
    """Open the connection pool of this process; raises ServiceUnavailable."""
    await database.connect(url)


async def close_database() -> None:
    """Close the connection pool."""
    await database.close()
