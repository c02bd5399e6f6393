"""Keeps in mind when Keelyard's own state was saved or put back; the overview tells when that is long ago."""

from __future__ import annotations

import asyncpg

from engine.domain.errors import KeelyardError
from engine.services import audit_log, state
from engine.services.audit_log import Resource
from engine.services.identity import Caller

BACKUP, RESTORE = "state:backup", "state:restore"


async def note(url: str, action: str, file_name: str, details: dict[str, str]) -> bool:
    """Write it to the audit log; False when the database does not take it.

    A backup before an upgrade meets the schema of another version: the backup is good all the same.
    """
    caller = Caller(address="command line", user_agent=f"keelyard {action.partition(':')[2]}")
    try:
        await state.open_database(url)
        try:
            await audit_log.record(caller, action, Resource("state", name=file_name), details=details)
        finally:
            await state.close_database()
    except (KeelyardError, asyncpg.PostgresError):
        return False
    return True
