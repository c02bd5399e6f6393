"""The product's own state: written to a file and put back."""

from __future__ import annotations

import asyncpg
import psycopg
import pytest
from click.testing import CliRunner

from engine.domain.errors import Conflict, InvalidSpec, NotFound
from engine.domain.statuses import JobStatus
from engine.processes import state_backup
from engine.processes.commands import backup as backup_command
from engine.processes.commands import restore as restore_command
from engine.services import runs
from engine.store import audit_entries, clusters, database, events, jobs, migration, records
from tests.integration import factories
from tests.integration.test_runs import told


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("KEELYARD_HOME", str(tmp_path / "home"))
    keys = tmp_path / "home" / "keys"
    keys.mkdir(parents=True)
    (keys / "encryption_key").write_text("the old key")
    return tmp_path


async def some_state() -> tuple[records.Cluster, records.Job]:
    cluster = await factories.cluster("kept")
    job = await factories.job(cluster)
    attempt = await runs.claim(job.id, "worker")
    result = runs.RunResult(status=JobStatus.SUCCESS, kubeconfig="kind: Config canary-kubeconfig")
    await runs.finish(job.id, attempt, result, [told(1)], factories.CIPHER)
    return cluster, job


async def test_round_trip(store, empty_database_url, home):
    """Rows, events and grants are back, in another database."""
    cluster, job = await some_state()
    file = home / "state.backup"
    state_backup.backup(store, file, include_keys=False)
    await database.close()

    state_backup.restore(empty_database_url, file, replace=False)
    assert await migration.migrate(empty_database_url) == []
    await database.connect(empty_database_url)

    assert (await clusters.by_name("kept")).id == cluster.id
    assert (await jobs.get(job.id)).status is JobStatus.SUCCESS
    assert [event.sequence for event in await events.read(job.id)] == [1]
    assert file.stat().st_mode & 0o777 == 0o600
    entry = records.AuditEntry(
        actor="a", action="x", resource_type="y", resource_id="", resource_name="", status="ok"
    )
    await audit_entries.add(entry)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await database.fetch("DELETE FROM audit_entry")
    await factories.job(await factories.cluster("another"))  # the queue works too


async def test_a_used_database_is_replaced_only_on_request(store, home):
    """And what came after the backup is then gone."""
    await some_state()
    file = home / "state.backup"
    state_backup.backup(store, file, include_keys=False)
    await factories.cluster("newer")
    await database.close()

    with pytest.raises(Conflict, match="already"):
        state_backup.restore(store, file, replace=False)
    state_backup.restore(store, file, replace=True)
    await database.connect(store)

    assert await clusters.by_name("newer") is None
    assert await clusters.by_name("kept") is not None


async def test_a_database_in_use_is_left_alone(store, home, monkeypatch):
    """Nothing is half replaced."""
    await some_state()
    file = home / "state.backup"
    state_backup.backup(store, file, include_keys=False)
    monkeypatch.setattr(state_backup, "_BEFORE", state_backup._BEFORE.replace("'10s'", "'100ms'"))
    with psycopg.connect(store) as other:
        other.execute("LOCK TABLE cluster IN ACCESS SHARE MODE")

        with pytest.raises(Conflict, match="in use"):
            state_backup.restore(store, file, replace=True)

    assert await clusters.by_name("kept") is not None


async def test_keys_are_in_it_only_on_request(store, home):
    """Restoring keeps a different key that was there under another name."""
    keys = home / "home" / "keys"
    without = state_backup.backup(store, home / "without", include_keys=False)
    with_keys = state_backup.backup(store, home / "with", include_keys=True)
    (keys / "encryption_key").write_text("a newer key")
    await database.close()
    state_backup.restore(store, home / "with", replace=True)

    assert (without.keys, with_keys.keys) == ((), ("encryption_key",))
    assert b"the old key" not in (home / "without").read_bytes()
    assert (keys / "encryption_key").read_text() == "the old key"
    [replaced] = keys.glob("encryption_key.replaced-*")
    assert replaced.read_text() == "a newer key"


async def test_secrets_are_encrypted_at_rest(store, home):
    """A raw dump of the database holds neither the password nor the kubeconfig."""
    await some_state()
    dump = home / "dump.sql"
    state_backup._run(store, "pg_dump", "--format=plain", f"--file={dump}")
    text = dump.read_text()

    assert "kept" in text
    assert factories.CANARY not in text
    assert "canary-kubeconfig" not in text


def test_what_is_no_backup_is_refused(empty_database_url, home):
    """Before anything is touched."""
    wrong = home / "wrong"
    wrong.write_text("not a backup")

    with pytest.raises(InvalidSpec, match="not a backup"):
        state_backup.restore(empty_database_url, wrong, replace=False)
    with pytest.raises(NotFound):
        state_backup.restore(empty_database_url, home / "absent", replace=False)


def test_the_audit_log_keeps_when_the_state_was_saved_and_put_back(database_url, home, monkeypatch):
    """By name of the file; a database of another version takes no note, and is saved all the same."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    file = str(home / "state.backup")
    with psycopg.connect(database_url, autocommit=True) as connection:
        saved = CliRunner().invoke(backup_command.backup, ["--to", file])
        entries = "SELECT action, resource_type, resource_name, status, address FROM audit_entry"
        kept = connection.execute(entries).fetchall()
        connection.execute("ALTER TABLE audit_entry RENAME COLUMN address TO place")
        unnoted = CliRunner().invoke(backup_command.backup, ["--to", file + "2"])
    put_back = CliRunner().invoke(restore_command.restore, ["--from", file, "--replace"])

    assert (saved.exit_code, unnoted.exit_code, put_back.exit_code) == (0, 0, 0), put_back.output
    assert kept == [("state:backup", "state", "state.backup", "success", "command line")]
    assert "could not be told" in unnoted.output
    assert "could not be told" not in saved.output
    with psycopg.connect(database_url) as connection:
        assert connection.execute(entries).fetchall() == [
            ("state:restore", "state", "state.backup", "success", "command line")
        ]
