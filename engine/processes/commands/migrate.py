"""`keelyard migrate`: bring the database to this version's schema."""

from __future__ import annotations

import asyncio

import click


@click.command()
def migrate() -> None:
    """Apply missing database migrations; run it again at will.

    The database is DATABASE_URL, or the embedded PostgreSQL, which is started if need be.
    """
    from engine.processes import composition
    from engine.store import migration

    applied = asyncio.run(migration.migrate(composition.configured_database_url()))
    for name in applied:
        click.echo(name)
    click.echo("The schema is current." if not applied else f"{len(applied)} applied.", err=True)
