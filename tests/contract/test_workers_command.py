"""`keelyard workers`: from the command line, without the API."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner, Result

from engine.domain.errors import Conflict, NotFound, ServiceUnavailable
from engine.processes.commands.workers import workers as command
from engine.store import database, records, workers
from tests.integration import factories


@pytest.fixture
def keelyard(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Runs `keelyard workers ...` on this test's database, which knows one worker."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("KEELYARD_HOME", str(tmp_path))
    asyncio.run(_prepare(database_url))

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(command, list(arguments))

    return run


async def _prepare(url: str) -> None:
    await database.connect(url)
    try:
        await workers.register(
            records.Worker(name="alpha", hostname="host-a", version="0.1", forks=8, memory_mb=4096)
        )
        job = await factories.job(await factories.cluster())
        await database.fetch(
            "UPDATE job SET status = 'running', worker = 'alpha', started_at = now() WHERE id = $1", job.id
        )
    finally:
        await database.close()


def test_workers_are_listed(keelyard) -> None:
    [row] = json.loads(keelyard("list", "--json").stdout)
    line = keelyard("list").stdout

    assert (row["name"], row["state"], row["forks"], row["forks_used"]) == ("alpha", "ready", 8, 2)
    assert line.startswith("alpha  ready  jobs 1  forks 2/8  memory 350/4096 MB")


def test_a_drain_waits_for_the_last_job_only_when_asked(keelyard, database_url: str) -> None:
    drained = json.loads(keelyard("drain", "alpha", "--json").stdout)
    too_long = keelyard("drain", "alpha", "--wait", "--timeout", "0")
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE job SET status = 'success'")
    waited = keelyard("drain", "alpha", "--wait", "--json")
    resumed = json.loads(keelyard("resume", "alpha", "--json").stdout)

    assert drained["state"] == "draining"
    assert isinstance(too_long.exception, ServiceUnavailable)
    assert json.loads(waited.stdout)["state"] == "drained"
    assert resumed["state"] == "ready"
    with psycopg.connect(database_url) as connection:
        told = connection.execute("SELECT action, address FROM audit_entry ORDER BY timestamp").fetchall()
    assert told == [("worker:drain", "command line")] * 3 + [("worker:resume", "command line")]


def test_a_live_or_unknown_worker_is_not_removed(keelyard) -> None:
    assert isinstance(keelyard("remove", "alpha").exception, Conflict)
    assert isinstance(keelyard("remove", "nobody").exception, NotFound)


def test_a_health_check_fails_once_the_worker_of_this_home_is_gone(
    keelyard, database_url: str, tmp_path: Path
) -> None:
    (tmp_path / "worker_name").write_text("alpha\n")

    alive = keelyard("check")
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE worker SET last_seen = now() - interval '1 hour'")
    gone = keelyard("check")
    (tmp_path / "worker_name").write_text("beta\n")

    assert alive.exit_code == 0
    assert isinstance(gone.exception, ServiceUnavailable)
    assert "alpha is lost" in str(gone.exception)
    assert isinstance(keelyard("check").exception, NotFound)
