"""What every process of the product puts together first: settings, keys and a database."""

from __future__ import annotations

import os
import re

from engine.processes import embedded_postgresql
from engine.services.settings import Settings, with_files

_DRIVER = re.compile(r"^postgres(?:ql)?(?:\+\w+)?://")


def database_url(settings: Settings) -> str:
    """`DATABASE_URL` as every driver understands it, or the embedded server's URL, started if need be."""
    if settings.database_url:
        return _DRIVER.sub("postgresql://", settings.database_url)
    return embedded_postgresql.ensure_running()


def configured_database_url() -> str:
    """The same for commands that need no other setting, and must not make keys."""
    return database_url(Settings(database_url=with_files(os.environ).get("DATABASE_URL", "")))
