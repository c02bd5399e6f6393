"""Encryption keys renewed while everything runs, and when the renewal is killed half way."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner

from engine.domain.errors import Conflict, MisconfiguredServer
from engine.processes.commands.keys import keys
from engine.services.encryption import Cipher, key_file
from engine.store import database, encrypted_columns
from tests.integration import factories

ROOT = Path(__file__).parents[2]


@pytest.fixture
def home(tmp_path, monkeypatch, database_url):
    """A home that keeps the key of the test's secrets, and its database."""
    monkeypatch.setenv("KEELYARD_HOME", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", database_url)
    key_file().parent.mkdir(mode=0o700)
    key_file().write_text(factories.KEY)
    return tmp_path


async def secrets_of(count: int, url: str) -> None:
    """Clusters with an SSH credential, and a kubeconfig for some."""
    await database.connect(url)
    for number in range(count):
        cluster = await factories.cluster(f"yard-{number}")
        if number % 2:
            await encrypted_columns.replace(
                encrypted_columns.COLUMNS[0], cluster.id, factories.CIPHER.encrypt("kind: Config")
            )
    await database.close()


def stored(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        return [
            row[0]
            for column in encrypted_columns.COLUMNS
            for row in connection.execute(
                f"SELECT {column.name} FROM {column.table} WHERE {column.name} IS NOT NULL"
            )
        ]


def run(*arguments: str):
    return CliRunner().invoke(keys, arguments, standalone_mode=False)


async def test_every_encrypted_column_is_known(store):
    """A new one that is missing in the list would be lost with its old key."""
    rows = await database.fetch(
        "SELECT table_name, column_name FROM information_schema.columns"
        " WHERE column_name LIKE '%\\_encrypted'"
    )

    assert {(row["table_name"], row["column_name"]) for row in rows} == set(encrypted_columns.COLUMNS)


def test_a_rotation_and_the_retirement_of_the_old_key(home, database_url):
    """Afterwards the old key opens nothing any more, and is kept for old backups."""
    asyncio.run(secrets_of(4, database_url))
    running = Cipher(factories.KEY)  # a process that began before

    rotated = run("rotate", "--batch", "3")
    new, old = key_file().read_text().split(",")
    read_meanwhile = {running.decrypt(token) for token in stored(database_url)}
    again = run("rotate")
    retired = run("retire")

    assert (rotated.exception, again.exception, retired.exception) == (None, None, None)
    assert old == factories.KEY
    assert "kind: Config" in read_meanwhile
    assert key_file().read_text() == new
    assert key_file().stat().st_mode & 0o777 == 0o600
    assert len(stored(database_url)) == 6
    assert all(Cipher(new).is_current(token) for token in stored(database_url))
    [kept] = key_file().parent.glob("encryption_key.retired-*")
    assert kept.read_text() == factories.KEY
    assert kept.stat().st_mode & 0o777 == 0o600


async def test_a_rotation_killed_half_way_is_run_again(home, database_url):
    """SIGKILL between two batches: every secret is readable before and after."""
    await secrets_of(60, database_url)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", "from engine.processes.commands.keys import keys; keys(['rotate', '--batch', '1'])"),
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    for _ in range(5):
        await process.stderr.readline()
    process.send_signal(signal.SIGKILL)
    await process.wait()

    both = key_file().read_text()
    new = Cipher(both.split(",")[0])
    between = [new.is_current(token) for token in stored(database_url)]
    opened = [Cipher(both).decrypt(token) for token in stored(database_url)]
    finished = await asyncio.to_thread(run, "rotate")

    assert process.returncode == -signal.SIGKILL
    assert (any(between), all(between), len(opened)) == (True, False, 90)
    assert finished.exception is None
    assert key_file().read_text() == both, "no third key"
    assert all(new.is_current(token) for token in stored(database_url))


def test_retiring_waits_for_runs_that_hold_the_old_key(home, database_url):
    """Their supervisors would write what nobody can read."""

    async def begin() -> None:
        await database.connect(database_url)
        job = await factories.job(await factories.cluster("yard"))
        await database.fetch(
            "UPDATE job SET status = 'running', started_at = now() - interval '1 hour' WHERE id = $1", job.id
        )
        await database.close()

    asyncio.run(begin())
    run("rotate")

    assert isinstance(run("retire").exception, Conflict)
    assert len(key_file().read_text().split(",")) == 2


def test_keys_of_the_environment_are_changed_there(home, database_url, monkeypatch):
    """The command re-encrypts and says what to set."""
    asyncio.run(secrets_of(2, database_url))
    new = run("generate").stdout.strip()
    monkeypatch.setenv("ENCRYPTION_KEY", factories.KEY)
    alone = run("rotate")
    monkeypatch.setenv("ENCRYPTION_KEY", f"{new},{factories.KEY}")
    rotated = run("rotate")

    assert isinstance(alone.exception, MisconfiguredServer)
    assert rotated.exception is None
    assert all(Cipher(new).is_current(token) for token in stored(database_url))
    assert isinstance(run("retire").exception, MisconfiguredServer)
    assert key_file().read_text() == factories.KEY


def test_a_secret_that_no_key_opens_stops_the_rotation(home, database_url):
    """And nothing of it is lost."""
    asyncio.run(secrets_of(2, database_url))
    before = stored(database_url)
    key_file().write_text(run("generate").stdout.strip())

    assert isinstance(run("rotate").exception, MisconfiguredServer)
    assert stored(database_url) == before
