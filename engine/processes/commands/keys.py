"""`keelyard keys`: the keys that stored secrets are encrypted with, renewed without a stop."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from cryptography.fernet import Fernet

from engine.domain.errors import Conflict, MisconfiguredServer
from engine.processes import composition
from engine.services import key_rotation, state
from engine.services.encryption import Cipher, key_file
from engine.services.identity import Caller

_CALLER = Caller(address="command line", user_agent="keelyard keys")


@click.group()
def keys() -> None:
    """Make, rotate and retire encryption keys."""


@keys.command()
def generate() -> None:
    """Print a new key for ENCRYPTION_KEY."""
    click.echo(Fernet.generate_key().decode())


@keys.command()
@click.option("--batch", type=click.IntRange(1, 10_000), default=100, show_default=True, help="Rows at once.")
def rotate(batch: int) -> None:
    """Encrypt every stored secret anew under the newest key. Cut off, it is simply run again.

    With ENCRYPTION_KEY set, put the new key in front of the old one first and restart all processes. Else a
    new key is made here; processes that run find it by themselves.
    """
    in_use = _keys_for_rotation()
    _run(lambda: key_rotation.rotate(Cipher(",".join(in_use)), _CALLER, batch=batch, told=_tell))
    click.echo("Every secret is under the newest key.", err=True)
    click.echo(
        "Restart the API and the workers, then retire the old key: keelyard keys retire"
        if not _from_environment()
        else "Take the old key out of ENCRYPTION_KEY now, and restart all processes.",
        err=True,
    )


@keys.command()
def retire() -> None:
    """Take older keys out of use, after a last look for secrets under them.

    They are kept beside the key file, because backups from before need them.
    """
    if _from_environment():
        raise MisconfiguredServer(
            "ENCRYPTION_KEY is set, so the keys are not kept here.",
            remedy="After `keelyard keys rotate`, take the old key out of it and restart all processes.",
        )
    path = key_file()
    in_use = _read(path)
    if len(in_use) < 2:
        raise Conflict("There is one key in use and nothing to retire.")
    rotated_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)

    async def work() -> None:
        await key_rotation.check_retirement(rotated_at)
        await key_rotation.rotate(Cipher(",".join(in_use)), _CALLER)
        kept = path.with_name(f"{path.name}.retired-{datetime.now(UTC):%Y%m%d%H%M%S}")
        _write(kept, in_use[1:])
        _write(path, in_use[:1])
        await key_rotation.record_retirement(_CALLER, keys=len(in_use) - 1)
        click.echo(
            f"One key is in use. The older ones are in {kept}: backups from before need them.", err=True
        )

    _run(work)


def _keys_for_rotation() -> list[str]:
    if _from_environment():
        in_use = _split(os.environ["ENCRYPTION_KEY"])
        if len(in_use) < 2:
            raise MisconfiguredServer(
                "ENCRYPTION_KEY holds one key, so there is none to rotate to.",
                remedy="Make one with `keelyard keys generate`, set ENCRYPTION_KEY=new,old, restart all"
                " processes and run this again.",
            )
        return in_use
    path = key_file()
    in_use = _read(path)
    if len(in_use) < 2:  # more: a rotation was cut off, or its old key is not retired yet
        in_use = [Fernet.generate_key().decode(), *in_use]
        _write(path, in_use)
    return in_use


def _from_environment() -> bool:
    return bool(os.environ.get("ENCRYPTION_KEY"))


def _read(path: Path) -> list[str]:
    try:
        return _split(path.read_text())
    except OSError as error:
        raise MisconfiguredServer(
            f"There is no key file {path}: {error.strerror}.",
            remedy="Set ENCRYPTION_KEY, or run this as the user and with the KEELYARD_HOME of the server.",
        ) from error


def _write(path: Path, in_use: list[str]) -> None:
    """Replace a key file as a whole; it is on the disk before anything is encrypted with what it holds."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(",".join(in_use))
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            owner = path.stat()
            os.chown(scratch, owner.st_uid, owner.st_gid)
        scratch.rename(path)
    finally:
        scratch.unlink(missing_ok=True)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _split(text: str) -> list[str]:
    return [key.strip() for key in text.split(",") if key.strip()]


def _tell(count: key_rotation.Count) -> None:
    click.echo(f"{count.column}: {count.moved} moved, {count.current} under the newest key already", err=True)


def _run[T](work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """The result of the work, with the database open around it."""

    async def connected() -> T:
        await state.open_database(url)
        try:
            return await work()
        finally:
            await state.close_database()

    url = composition.configured_database_url()
    return asyncio.run(connected())
