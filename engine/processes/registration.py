"""A worker's place among the workers: its name, what it offers, and its heartbeat."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import socket
import time
from importlib import metadata

import asyncpg
import psutil
import structlog

from engine import content
from engine.domain import capacity
from engine.domain.capacity import Capacity
from engine.store import database, records, workers

BEAT_SECONDS = 3.0
ANSWER_SECONDS = 10.0  # for one statement of the heartbeat
_MEGABYTE = 1024 * 1024
_LOG = structlog.get_logger(__name__)


def identity() -> str:
    """The same for every worker of this home, whatever its process; another for every home."""
    path = content.home() / "worker_name"
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{os.getpid()}.{time.monotonic_ns()}")
    scratch.write_text(f"{socket.gethostname()}-{secrets.token_hex(4)}\n")
    with contextlib.suppress(FileExistsError):
        os.link(scratch, path)
    scratch.unlink()
    return path.read_text().strip()


def offered(forks: int | None, memory_mb: int | None, runs: int | None) -> Capacity:
    """What this machine offers by itself, but for what is given."""
    machine = capacity.of_machine(os.cpu_count() or 1, psutil.virtual_memory().total // _MEGABYTE)
    return Capacity(
        forks=machine.forks if forks is None else forks,
        memory_mb=machine.memory_mb if memory_mb is None else memory_mb,
        runs=runs,
    )


class Registration:
    """Keeps one worker known to the others for as long as its process lives."""

    def __init__(self, name: str, offers: Capacity) -> None:
        self._worker = records.Worker(
            name=name,
            hostname=socket.gethostname(),
            version=metadata.version("keelyard"),
            forks=offers.forks,
            memory_mb=offers.memory_mb,
            runs_limit=offers.runs,
        )

    async def enter(self) -> bool:
        """Register; returns whether an operator has drained this worker."""
        self._worker = await workers.register(self._worker)
        return self._worker.drained

    async def beat_forever(self) -> None:
        """Show life. A database that is away is asked again, and a worker that was removed comes back."""
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    if not await workers.beat(self._worker.name):
                        await self.enter()
            except (*database.CONNECTION_ERRORS, asyncpg.PostgresError) as error:
                _LOG.warning("The heartbeat found no database.", error=repr(error))

    async def leave(self) -> None:
        """Say that this process ends as it was asked to; without a database, silence says it."""
        with contextlib.suppress(*database.CONNECTION_ERRORS, asyncpg.PostgresError):
            async with asyncio.timeout(1.0):
                await workers.stop(self._worker.name, self._worker.started_at)
