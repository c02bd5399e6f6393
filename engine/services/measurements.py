"""What can be counted, and whether the state can be reached at all."""

from __future__ import annotations

import msgspec

from engine.domain.errors import ServiceUnavailable
from engine.store import cluster_views, database, jobs


class Counts(msgspec.Struct, frozen=True):
    """How many jobs and clusters have each status."""

    jobs: dict[str, int]
    clusters: dict[str, int]


async def counts() -> Counts:
    """Jobs and clusters by status."""
    return Counts(jobs=await jobs.counts(), clusters=await cluster_views.counts())


async def require_database() -> None:
    """Raises ServiceUnavailable when the database does not answer."""
    if not await database.reachable():
        raise ServiceUnavailable("The database does not answer.", remedy="Try again in a moment.")
