"""PostgreSQL for tests: one embedded server per session, a database cloned from a template per test."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest

from engine.processes import embedded_postgresql
from engine.store import database, migration
from tests.integration.workplace import Workplace

TEMPLATE = "keelyard_template"


@pytest.fixture(scope="session")
def server_home() -> Iterator[Path]:
    """A home whose embedded server runs for the whole session."""
    home = Path(tempfile.mkdtemp(prefix="keelyard-test-", dir="/tmp"))
    home.chmod(0o755)  # the server's own system user has to get in
    try:
        embedded_postgresql.ensure_running(home)
        yield home
    finally:
        embedded_postgresql.stop(home)
        shutil.rmtree(embedded_postgresql.instance(home).socket, ignore_errors=True)
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def template(server_home: Path) -> str:
    """Name of a migrated database that tests are cloned from."""
    place = embedded_postgresql.instance(server_home)
    with psycopg.connect(place.url("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {TEMPLATE}")
    asyncio.run(migration.migrate(place.url(TEMPLATE)))
    return TEMPLATE


@pytest.fixture
def empty_database_url(server_home: Path) -> Iterator[str]:
    """URL of a database without any schema."""
    yield from _own_database(server_home, "template1")


@pytest.fixture
def database_url(server_home: Path, template: str) -> Iterator[str]:
    """URL of this test's own migrated database."""
    yield from _own_database(server_home, template)


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[str]:
    """The store of this process, connected to this test's own database; the value is its URL."""
    await database.connect(database_url)
    try:
        yield database_url
    finally:
        await database.close()


@pytest.fixture
def workplace(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workplace]:
    """A KEELYARD_HOME with its own playbooks, whose workers use this test's database."""
    directory = Path(tempfile.mkdtemp(prefix="keelyard-work-", dir="/tmp"))
    directory.chmod(0o755)
    place = Workplace(directory, database_url)
    monkeypatch.setenv("KEELYARD_HOME", str(place.home))
    try:
        yield place
    finally:
        place.stop()
        embedded_postgresql.stop(place.home)
        shutil.rmtree(embedded_postgresql.instance(place.home).socket, ignore_errors=True)
        shutil.rmtree(directory)


def _own_database(home: Path, template: str) -> Iterator[str]:
    place = embedded_postgresql.instance(home)
    name = f"test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(place.url("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            yield place.url(name)
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
