"""`keelyard worker`: runs jobs."""

from __future__ import annotations

import asyncio

import click


@click.command()
@click.option(
    "--forks",
    type=click.IntRange(1, 10_000),
    help="Nodes worked on at once, over all runs. Default: 4 per processor, and 100 MB of memory for each.",
)
@click.option(
    "--memory",
    type=click.IntRange(1),
    metavar="MB",
    help="Memory for runs. Default: the machine's, less 2 GB.",
)
@click.option("--concurrency", type=click.IntRange(1, 1000), help="Runs at once. Default: as many as fit.")
def worker(forks: int | None, memory: int | None, concurrency: int | None) -> None:
    """Run jobs until stopped; runs in progress go on without it.

    The database is DATABASE_URL, or the embedded PostgreSQL. Several workers share one database; each has a
    KEELYARD_HOME of its own.
    """
    from engine.processes import composition, process_log, registration
    from engine.processes.worker import Worker
    from engine.services import settings as settings_module

    async def work() -> None:
        await Worker(url, settings, registration.offered(forks, memory, concurrency)).run()

    process_log.to_stderr()
    settings = settings_module.load()
    url = composition.database_url(settings)
    asyncio.run(work())
