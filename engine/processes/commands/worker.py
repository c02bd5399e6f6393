"""`keelyard worker`: runs jobs."""

from __future__ import annotations

import asyncio
import os

import click


@click.command()
@click.option(
    "--concurrency",
    type=click.IntRange(1, 64),
    default=lambda: max(2, os.cpu_count() or 1),
    show_default="processors, at least 2",
    help="Runs at the same time, at most.",
)
def worker(concurrency: int) -> None:
    """Run jobs until stopped; runs in progress go on without it.

    The database is DATABASE_URL, or the embedded PostgreSQL. Several workers share one database; each has a
    KEELYARD_HOME of its own.
    """
    from engine.processes import composition, process_log
    from engine.processes.worker import Worker
    from engine.services import settings as settings_module

    async def work() -> None:
        await Worker(url, settings, concurrency).run()

    process_log.to_stderr()
    settings = settings_module.load()
    url = composition.database_url(settings)
    asyncio.run(work())
