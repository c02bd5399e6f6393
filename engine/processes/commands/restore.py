"""`keelyard restore`: the product's own state from a backup."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click


@click.command()
@click.option(
    "--from", "file", type=click.Path(path_type=Path), required=True, help="File that backup wrote."
)
@click.option("--replace", is_flag=True, help="Replace what the database holds now.")
def restore(file: Path, replace: bool) -> None:
    """Put the state of a backup in place; stop API and workers first.

    Jobs that were running when the backup was made become interrupted when a worker starts.
    """
    from engine.processes import composition, state_backup
    from engine.services import saved_state
    from engine.store import migration

    url = composition.configured_database_url()
    manifest = state_backup.restore(url, file, replace=replace)
    applied = asyncio.run(migration.migrate(url))
    details = {"state_of": manifest.created_at.isoformat()}
    asyncio.run(saved_state.note(url, saved_state.RESTORE, file.name, details))
    click.echo(
        f"Restored the state of {manifest.created_at:%Y-%m-%d %H:%M} UTC (Keelyard {manifest.version})."
    )
    if applied:
        click.echo(f"{len(applied)} migrations applied.", err=True)
    if not manifest.keys:
        click.echo("The backup holds no keys: ENCRYPTION_KEY must be the one of that time.", err=True)
