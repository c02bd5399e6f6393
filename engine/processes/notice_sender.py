"""Sends notices about ended jobs. Every worker has one; the database decides which sends a notice."""

from __future__ import annotations

import asyncio
import contextlib

import asyncpg
import structlog

from engine.domain.errors import ServiceUnavailable
from engine.services import notice_sending, notice_settings
from engine.services.encryption import Cipher
from engine.services.settings import Settings
from engine.store import database
from engine.store.records import NotificationDelivery

LOOK_SECONDS = 2.0
HOUSEKEEPING_SECONDS = 3600.0
AT_ONCE = 4  # connections of the pool are few, and each channel has one notice under way at most
_LOST = (*database.CONNECTION_ERRORS, asyncpg.PostgresError, ServiceUnavailable)
_LOG = structlog.get_logger(__name__)


async def run(name: str, settings: Settings) -> None:
    """Send what is due until cancelled; a database that is away is waited for.

    Raises MisconfiguredServer before anything is sent.
    """
    sender = notice_sending.Sender(name, Cipher(settings.encryption_key), notice_settings.of(settings))
    underway: set[asyncio.Task[None]] = set()
    loop = asyncio.get_running_loop()
    tidy_at = loop.time()
    try:
        while True:
            try:
                while len(underway) < AT_ONCE and (delivery := await sender.claim()) is not None:
                    underway.add(asyncio.create_task(_send(sender, delivery)))
                if loop.time() >= tidy_at:
                    await notice_sending.keep_house()
                    tidy_at = loop.time() + HOUSEKEEPING_SECONDS
            except _LOST as error:
                _LOG.warning("Notices wait for the database.", error=repr(error))
            except Exception as error:  # noqa: BLE001 - those under way shall end
                _LOG.error("Notices could not be looked at.", error=type(error).__name__)
            # A free place is filled at once; else it is time to look when something may have become due.
            wait = [asyncio.create_task(asyncio.sleep(LOOK_SECONDS)), *underway]
            done, _ = await asyncio.wait(wait, return_when=asyncio.FIRST_COMPLETED)
            wait[0].cancel()
            underway -= done
    finally:
        for task in underway:  # their leases run out, and another worker tries again
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*underway, return_exceptions=True)


async def _send(sender: notice_sending.Sender, delivery: NotificationDelivery) -> None:
    try:
        await sender.send(delivery)
    except _LOST as error:  # the lease runs out, then the notice is tried again
        _LOG.warning("The outcome of a notice was not written.", error=repr(error))
    except Exception as error:  # noqa: BLE001 - one notice must not stop the others, let alone the worker
        _LOG.error("A notice broke its sender.", delivery_id=str(delivery.id), error=type(error).__name__)
