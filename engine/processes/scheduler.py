"""Serves schedules as they fall due. Every worker has one; the database decides which serves a due time."""

from __future__ import annotations

import asyncio

import asyncpg
import structlog

from engine.domain.errors import ServiceUnavailable
from engine.services import schedule_firing
from engine.store import database

LOOK_SECONDS = 2.0  # cron counts in minutes
HOUSEKEEPING_SECONDS = 3600.0
_LOG = structlog.get_logger(__name__)


async def run() -> None:
    """Look for due schedules until cancelled; a database that is away is waited for."""
    loop = asyncio.get_running_loop()
    tidy_at = loop.time()
    while True:
        try:
            while await schedule_firing.fire_next():
                pass
            if loop.time() >= tidy_at:
                await schedule_firing.keep_house()
                tidy_at = loop.time() + HOUSEKEEPING_SECONDS
        except (*database.CONNECTION_ERRORS, asyncpg.PostgresError, ServiceUnavailable) as error:
            _LOG.warning("Schedules wait for the database.", error=repr(error))
        except Exception:  # noqa: BLE001 - a schedule must not stop the worker, which has runs to watch
            _LOG.exception("A schedule broke its scheduler.")
        await asyncio.sleep(LOOK_SECONDS)
