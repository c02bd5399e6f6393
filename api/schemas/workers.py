"""Bodies of the worker routes."""

from __future__ import annotations

from datetime import datetime

from api.schemas.common import Reply


class Worker(Reply):
    """A process that runs jobs, what it offers and what is taken of it.

    `state` is `ready`, `draining`, `drained`, `stopped` or `lost`. `forks` are nodes worked on at once, over
    all its jobs; `concurrency` is the limit of jobs at once, null for as many as fit.
    """

    name: str
    hostname: str
    version: str
    state: str
    drained: bool
    forks: int
    forks_used: int
    memory_mb: int
    memory_mb_used: int
    concurrency: int | None
    jobs: list[str]  # ids of its running jobs, oldest first
    started_at: datetime
    last_seen: datetime
    silent_seconds: float  # since its last heartbeat, by the database's clock
