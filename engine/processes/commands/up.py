"""`keelyard up`."""

from __future__ import annotations

import asyncio

import click

from engine import content
from engine.processes import embedded_postgresql
from engine.processes import up as together
from engine.services import settings as server_settings


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@click.option(
    "--concurrency", default=4, show_default=True, type=click.IntRange(1, 256), help="Runs at once."
)
def up(*, host: str, port: int, concurrency: int) -> None:
    """Start everything on this machine: PostgreSQL (unless DATABASE_URL is set), API and one worker."""
    from engine.store import migration

    settings = server_settings.load(bind=host)
    url = settings.database_url or embedded_postgresql.ensure_running(content.home())
    for step in asyncio.run(migration.migrate(url)):
        click.echo(f"migrated: {step}", err=True)
    together.run(
        database_url=url,
        host=host,
        port=port,
        concurrency=concurrency,
        narrate=lambda line: click.echo(line, err=True),
    )
