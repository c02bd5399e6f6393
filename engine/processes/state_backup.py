"""The product's own state in one file: the database, and the keys if asked.

The file is a tar of `manifest.json`, `database.dump` (pg_dump's custom format) and `keys/`. It holds password
hashes and encrypted secrets, and with the keys everything: it is written for its owner only.
"""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import msgspec
import psycopg
from psycopg import conninfo

from engine import content
from engine.domain.errors import Conflict, InvalidSpec, KeelyardError, NotFound, ServiceUnavailable
from engine.domain.errors import FieldProblem as Problem
from engine.processes.embedded_postgresql import client_binary

FORMAT = 1
_ENVIRONMENT = {
    "host": "PGHOST",
    "hostaddr": "PGHOSTADDR",
    "port": "PGPORT",
    "user": "PGUSER",
    "dbname": "PGDATABASE",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "options": "PGOPTIONS",
}


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup says about itself."""

    format: int
    version: str
    created_at: datetime
    keys: tuple[str, ...] = ()  # names of the key files in it


def backup(url: str, file: Path, *, include_keys: bool) -> Manifest:
    """Write the state to a file that only its owner can read; replaces it as a whole or not at all.

    Raises ServiceUnavailable when the database cannot be dumped.
    """
    keys = _key_files() if include_keys else []
    manifest = Manifest(
        format=FORMAT,
        version=metadata.version("keelyard"),
        created_at=datetime.now(UTC),
        keys=tuple(key.name for key in keys),
    )
    scratch = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with (
            tempfile.TemporaryDirectory(dir=file.absolute().parent, prefix=".keelyard-backup-") as directory,
            os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as target,
        ):
            dump = Path(directory) / "database.dump"
            _run(url, "pg_dump", "--format=custom", "--no-owner", f"--file={dump}")
            with tarfile.open(fileobj=target, mode="w") as archive:
                _add(archive, "manifest.json", msgspec.json.encode(manifest))
                archive.add(dump, "database.dump")
                for key in keys:
                    _add(archive, f"keys/{key.name}", key.read_bytes())
            target.flush()
            os.fsync(target.fileno())
        scratch.rename(file)
    finally:
        scratch.unlink(missing_ok=True)
    return manifest


def restore(url: str, file: Path, *, replace: bool) -> Manifest:
    """Put a backup's state in place of the database's, in one transaction; the caller migrates afterwards.

    Keys in the backup become this home's; different ones that were here are kept under another name.
    Raises NotFound for a missing file, InvalidSpec for one that is no backup, Conflict when the database is
    not empty and `replace` is not set, or when it is in use.
    """
    if not file.is_file():
        raise NotFound(f"There is no backup {file}.")
    if not replace and _in_use(url):
        raise Conflict(
            "The database holds clusters or accounts already.",
            remedy="Restore with --replace to put the backup in their place.",
        )
    with _opened(file) as (archive, manifest), tempfile.TemporaryDirectory() as directory:
        dump, script, before = (
            Path(directory) / name for name in ("database.dump", "restore.sql", "before.sql")
        )
        dump.write_bytes(_member(archive, "database.dump"))
        _run(url, "pg_restore", "--no-owner", f"--file={script}", str(dump))
        before.write_text(_BEFORE)
        _run(
            url,
            "psql",
            *("--no-psqlrc", "--quiet", "--single-transaction", "--set", "ON_ERROR_STOP=1"),
            *("--output", os.devnull, "--file", str(before), "--file", str(script)),
        )
        for name in manifest.keys:
            _put_key(name, _member(archive, f"keys/{Path(name).name}"))
    return manifest


_BEFORE = """
SET lock_timeout = '10s';
DROP SCHEMA public CASCADE;
CREATE SCHEMA public;
DO $$ BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'keelyard_runtime') THEN
        CREATE ROLE keelyard_runtime NOLOGIN;
    END IF;
END $$;
"""


def _run(url: str, program: str, *arguments: str) -> None:
    """Run a client program; the password goes through a file that only we can read."""
    parts = conninfo.conninfo_to_dict(url)
    with tempfile.TemporaryDirectory() as directory:
        environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": directory}
        for name, variable in _ENVIRONMENT.items():
            if parts.get(name):
                environment[variable] = str(parts[name])
        if parts.get("password"):
            password = str(parts["password"]).replace("\\", "\\\\").replace(":", "\\:")
            passfile = Path(directory) / "pgpass"
            passfile.touch(0o600)
            passfile.write_text(f"*:*:*:*:{password}\n")
            environment["PGPASSFILE"] = str(passfile)
        done = subprocess.run(
            [str(client_binary(program)), *arguments],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode != 0:
        raise _failure(program, done.stderr.strip())


def _failure(program: str, said: str) -> KeelyardError:
    if "lock timeout" in said:
        return Conflict(
            "The database is in use.", remedy="Stop `keelyard up`, the API and every worker first."
        )
    last = said.splitlines()[-1] if said else "no reason given"
    return ServiceUnavailable(f"{program} failed: {last}", remedy="Nothing was changed.")


def _in_use(url: str) -> bool:
    with psycopg.connect(url) as connection:
        for table in ("cluster", "account"):
            known = connection.execute("SELECT to_regclass(%s) IS NOT NULL", [table]).fetchone()
            if known == (True,) and connection.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone():  # noqa: S608
                return True
    return False


@contextmanager
def _opened(file: Path) -> Iterator[tuple[tarfile.TarFile, Manifest]]:
    try:
        with tarfile.open(file) as archive:
            manifest = msgspec.json.decode(_member(archive, "manifest.json"), type=Manifest)
            if manifest.format != FORMAT:
                raise InvalidSpec(
                    [Problem("from", f"The backup has format {manifest.format}, not {FORMAT}.")]
                )
            yield archive, manifest
    except (tarfile.TarError, KeyError, msgspec.DecodeError) as error:
        raise InvalidSpec([Problem("from", f"{file} is not a backup of Keelyard.")]) from error


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    content_of = archive.extractfile(name)
    if content_of is None:
        raise KeyError(name)
    return content_of.read()


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(data), 0o600
    archive.addfile(member, io.BytesIO(data))


def _key_files() -> list[Path]:
    directory = content.home() / "keys"
    return sorted(
        file for file in directory.glob("[!.]*") if file.is_file() and ".replaced-" not in file.name
    )


def _put_key(name: str, data: bytes) -> None:
    path = content.home() / "keys" / Path(name).name
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if path.exists() and path.read_bytes() != data:
        path.rename(path.with_name(f"{path.name}.replaced-{datetime.now(UTC):%Y%m%dT%H%M%S}"))
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
