"""Keeps what a run's scanners found in the database, before the run ends."""

from __future__ import annotations

import asyncio
import time
import uuid

import asyncpg
import structlog

from engine.domain.errors import KeelyardError
from engine.services import hardening_reports
from engine.services.hardening_reports import Scan
from engine.store import database

TRY_SECONDS = 120.0  # the files of a large cluster take their time
RETRY_SECONDS = 1.0
_LOG = structlog.get_logger(__name__)


class NotKept(KeelyardError):
    """The findings of a run could not be written."""


async def keep(job_id: uuid.UUID, attempt: int, scan: Scan, *, reports: int, patience: float) -> str:
    """Write a report, all or nothing, and tell it in a line; tries again while the database is away.

    Raises NotKept after `patience` seconds of trying, and events.Fenced when the job is another's.
    """
    began = time.monotonic()
    while True:
        try:
            async with asyncio.timeout(TRY_SECONDS):
                report_id = await hardening_reports.record(job_id, attempt, scan, keep=reports)
            return _told(report_id, scan)
        except (*database.CONNECTION_ERRORS, asyncpg.PostgresError) as error:
            _LOG.warning("The report of a scan waits for the database.", error=str(error))
            if time.monotonic() - began > patience:
                why = str(error) or type(error).__name__
                raise NotKept(
                    f"The nodes were scanned, but the report could not be kept: {why}.",
                    remedy="Scan again.",
                ) from error
            await asyncio.sleep(RETRY_SECONDS)


def _told(report_id: uuid.UUID, scan: Scan) -> str:
    counts = scan.judgement.counts
    scores = ", ".join(
        f"{each.scanner.value} {each.score:g} %" for each in scan.judgement.scanners if each.score is not None
    )
    return (
        f"Hardening report {report_id}: {scores or 'no score'}; {counts.failed} failed,"
        f" {counts.excepted} excepted, {counts.manual} left to a person."
    )
