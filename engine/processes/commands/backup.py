"""`keelyard backup`: the product's own state in one file."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click


@click.command()
@click.option(
    "--to", "file", type=click.Path(dir_okay=False, path_type=Path), required=True, help="File to write."
)
@click.option(
    "--include-keys", is_flag=True, help="Also the keys of KEELYARD_HOME: who has the file has all."
)
def backup(file: Path, include_keys: bool) -> None:
    """Write Keelyard's own state (clusters, jobs, accounts, audit log) to a file.

    Secrets in it are encrypted; without the key they were encrypted with, a restore cannot use them. Keep
    KEELYARD_HOME/keys apart, or put it in with --include-keys.
    """
    from engine.processes import composition, state_backup
    from engine.services import saved_state

    url = composition.configured_database_url()
    manifest = state_backup.backup(url, file, include_keys=include_keys)
    click.echo(file)
    what = f"keys: {', '.join(manifest.keys)}" if manifest.keys else "no keys"
    click.echo(f"Written, readable by its owner only; {what}.", err=True)
    details = {"keys": "yes" if manifest.keys else "no"}
    if not asyncio.run(saved_state.note(url, saved_state.BACKUP, file.name, details)):
        click.echo("The audit log could not be told; the backup is good all the same.", err=True)
