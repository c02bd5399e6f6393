"""Brings a database to the schema of this version: Piccolo's migrations, then Procrastinate's schema."""

from __future__ import annotations

import contextlib
import importlib.resources
import io
import os
import re
import warnings
from typing import Any

import asyncpg

from engine.domain.errors import MisconfiguredServer, ServiceUnavailable
from engine.store import database

_LOCK = 0x6B65656C  # advisory lock: two starters do not race
_PROCRASTINATE_VERSION = "03.04.00"  # the newest migration contained in the schema this lock file pins


async def migrate(url: str) -> list[str]:
    """Apply what is missing; returns the names of the applied steps, empty when the schema is current.

    Raises ServiceUnavailable when the server does not answer, MisconfiguredServer when the login may not.
    """
    try:
        guard = await asyncpg.connect(**database.connection_arguments(url, role=None))
    except (*database.CONNECTION_ERRORS, asyncpg.PostgresError) as error:
        raise ServiceUnavailable(
            f"The database does not answer: {error or type(error).__name__}.",
            remedy="Check DATABASE_URL and that the server runs.",
        ) from error
    try:
        await guard.execute("SELECT pg_advisory_lock($1)", _LOCK)
        return await _apply(guard, url)
    except asyncpg.InsufficientPrivilegeError as error:
        raise MisconfiguredServer(
            f"The database login may not migrate: {error}.",
            remedy=f"Migrate with the database's owner, who may create the role {database.RUNTIME_ROLE}, "
            f"or create that role and grant it to the login first.",
        ) from error
    finally:
        await guard.close()


async def _apply(connection: Any, url: str) -> list[str]:
    applied = await _piccolo(connection, url)
    if await connection.fetchval("SELECT to_regclass('procrastinate_jobs')") is None:
        schema = importlib.resources.files("procrastinate").joinpath("sql/schema.sql").read_text()
        async with connection.transaction():
            await connection.execute(schema)
        applied.append(f"procrastinate {_PROCRASTINATE_VERSION}")
    await connection.execute(_grants())
    return applied


async def _piccolo(connection: Any, url: str) -> list[str]:
    os.environ.setdefault("PICCOLO_CONF", "engine.store.piccolo_conf")
    from piccolo.apps.migrations.commands.forwards import run_forwards

    before = await _ran(connection)
    engine = database.DATABASE
    kept, pool = engine.config, engine.pool
    engine.config, engine.pool = database.connection_arguments(url, role=None), None
    narration = io.StringIO()
    try:
        with contextlib.redirect_stdout(narration), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = await run_forwards("keelyard")
    finally:
        engine.config, engine.pool = kept, pool
    if not result.success:
        raise MisconfiguredServer(f"A migration did not apply: {result.message}.")
    return sorted(await _ran(connection) - before)


async def _ran(connection: Any) -> set[str]:
    if await connection.fetchval("SELECT to_regclass('migration')") is None:
        return set()
    return {row["name"] for row in await connection.fetch("SELECT name FROM migration")}


def _grants() -> str:
    """What the runtime role may do with the schema and the queue; granting again changes nothing."""
    role = database.RUNTIME_ROLE
    tables = "procrastinate_jobs, procrastinate_events, procrastinate_workers, procrastinate_periodic_defers"
    sequences = re.sub(r"(procrastinate_\w+)", r"\1_id_seq", tables)
    return f"""
        DO $$ BEGIN
            EXECUTE format('GRANT USAGE ON SCHEMA %I TO {role}', current_schema());
        END $$;
        GRANT SELECT, INSERT, UPDATE, DELETE ON {tables} TO {role};
        GRANT USAGE ON {sequences} TO {role};
    """
