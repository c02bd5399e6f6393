"""`keelyard up`."""

from __future__ import annotations

import asyncio

import click

from engine import content
from engine.domain.statuses import JobStatus
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
    embedded = not settings.database_url
    url = embedded_postgresql.ensure_running(content.home()) if embedded else settings.database_url
    for step in asyncio.run(migration.migrate(url)):
        click.echo(f"migrated: {step}", err=True)
    together.run(
        database_url=url,
        host=host,
        port=port,
        concurrency=concurrency,
        narrate=lambda line: click.echo(line, err=True),
        tend=_restart_dead_database if embedded else lambda: None,
    )
    if embedded and asyncio.run(_runs_in_progress(url)) == 0:
        embedded_postgresql.stop(content.home())


def _restart_dead_database() -> None:
    if embedded_postgresql.revive(content.home()):
        click.echo("The embedded PostgreSQL had ended; it is started again.", err=True)


async def _runs_in_progress(url: str) -> int:
    """Runs outlive this command, and write what happens into the database."""
    from engine.store import database, jobs

    await database.connect(url)
    try:
        return (await jobs.counts()).get(JobStatus.RUNNING, 0)
    finally:
        await database.close()
