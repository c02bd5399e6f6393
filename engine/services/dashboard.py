"""What changes anywhere, for dashboards: one reader of changes per process, any number of watchers.

A watcher that does not keep up has one pending word per job, the latest; it never holds anybody up.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncGenerator
from typing import Any

import asyncpg
import msgspec
import structlog

from engine.domain.errors import ServiceUnavailable
from engine.domain.statuses import FINAL_JOB_STATUSES, ClusterStatus, JobStatus
from engine.services.following import Closing, Expired, Quiet, Seat, Welcome
from engine.store import dashboard, database
from engine.store import scope as tenancy
from engine.store.dashboard import ClusterNews, JobNews
from engine.store.notifications import RECONNECTED, Hub
from engine.store.scope import Scope

__all__ = ["Board", "ClusterNews", "JobNews", "Snapshot", "progress"]

TICK_SECONDS = 0.5  # no job is told more often
RETRY_SECONDS = 1.0
STATEMENT_SECONDS = 15.0
_LOST = (*database.CONNECTION_ERRORS, asyncpg.PostgresError, ServiceUnavailable)
_LOG = structlog.get_logger(__name__)


class Snapshot(msgspec.Struct, frozen=True):
    """How everything stands now; whatever a watcher knew before is replaced by it."""

    jobs: list[JobNews]
    clusters: list[ClusterNews]


News = Snapshot | JobNews | ClusterNews | Quiet | Expired | Closing


def progress(job: JobNews) -> int:
    """How many of a job's phases are done, in per cent."""
    if job.status is JobStatus.SUCCESS:
        return 100
    return 100 * job.phases_done // job.phases if job.phases else 0


class _Watcher:
    def __init__(self, welcome: Welcome | None, scope: Scope) -> None:
        self.seat = Seat(welcome)
        self.scope = scope
        self.pending: dict[uuid.UUID, JobNews | ClusterNews] = {}
        self.behind = True  # needs a snapshot


class Board:
    """Tells watchers what changed, at most every TICK_SECONDS."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._watchers: set[_Watcher] = set()
        self._dirty: set[str] = set()
        self._changed = asyncio.Event()
        self._known: dict[uuid.UUID, JobNews | ClusterNews] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._snapshots: dict[Scope, asyncio.Task[Snapshot]] = {}
        self._closing = False

    async def start(self) -> None:
        """Begin to collect changes; the hub listens already."""
        self._tasks = [
            asyncio.create_task(self._collect(), name="board-collect"),
            asyncio.create_task(self._tell(), name="board-tell"),
        ]

    async def stop(self) -> None:
        """End every stream."""
        self._closing = True
        for watcher in self._watchers:
            watcher.seat.flag.set()
        for task in self._tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def watch(self, welcome: Welcome | None = None) -> AsyncGenerator[News]:
        """A snapshot, then every change; a snapshot again after changes may have been missed.

        Of the tenants that the caller sees now, and of no others.
        """
        return self._watch(_Watcher(welcome, tenancy.current()))

    async def _watch(self, watcher: _Watcher) -> AsyncGenerator[News]:
        self._watchers.add(watcher)
        try:
            while not self._closing:
                watcher.seat.flag.clear()
                if (expired := await watcher.seat.refused()) is not None:
                    yield expired
                    return
                for item in await self._next(watcher):
                    yield item
                    watcher.seat.told()
                if (quiet := await watcher.seat.wait(RETRY_SECONDS if watcher.behind else 60.0)) is not None:
                    yield quiet
        finally:
            self._watchers.discard(watcher)
        yield Closing()

    async def _next(self, watcher: _Watcher) -> list[Snapshot | JobNews | ClusterNews]:
        pending, watcher.pending = watcher.pending, {}
        if not watcher.behind:
            return list(pending.values())
        watcher.behind = False
        try:
            return [await self._current(watcher.scope)]
        except _LOST:
            watcher.behind = True
            return []

    async def _current(self, scope: Scope) -> Snapshot:
        """A snapshot that began after this call, shared by all of a scope who ask while it waits."""
        if scope not in self._snapshots:
            self._snapshots[scope] = asyncio.create_task(self._read_snapshot(scope))
            self._snapshots[scope].add_done_callback(lambda done: done.cancelled() or done.exception())
        return await asyncio.shield(self._snapshots[scope])

    async def _read_snapshot(self, scope: Scope) -> Snapshot:
        del self._snapshots[scope]  # whoever asks from now on needs a later one
        with tenancy.within(scope):
            async with asyncio.timeout(STATEMENT_SECONDS):
                return Snapshot(await dashboard.current_jobs(), await dashboard.current_clusters())

    async def _collect(self) -> None:
        async with self._hub.subscribe(dashboard.CHANNEL) as payloads:
            while True:
                payload = await payloads.get()
                if payload == RECONNECTED:
                    self._start_again()
                elif self._watchers:
                    self._dirty.add(payload)
                    self._changed.set()

    def _start_again(self) -> None:
        """Changes may have been missed: everybody gets a snapshot."""
        self._known.clear()
        for watcher in self._watchers:
            watcher.behind = True
            watcher.seat.flag.set()

    async def _tell(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            began = time.monotonic()
            dirty, self._dirty = self._dirty, set()
            try:
                async with asyncio.timeout(STATEMENT_SECONDS):
                    found = await _read(dirty)
            except _LOST as error:
                _LOG.warning("Dashboards wait for the database.", error=repr(error))
                self._start_again()
                await asyncio.sleep(RETRY_SECONDS)
                continue
            for news in found:
                self._hand_out(news)
            await asyncio.sleep(max(0.0, TICK_SECONDS - (time.monotonic() - began)))

    def _hand_out(self, news: JobNews | ClusterNews) -> None:
        if self._known.get(news.id) == news:
            return
        self._known[news.id] = news
        if news.status in FINAL_JOB_STATUSES or news.status is ClusterStatus.DELETED:
            del self._known[news.id]
        for watcher in self._watchers:
            if watcher.scope.holds(news.tenant_id):
                watcher.pending[news.id] = news
                watcher.seat.flag.set()


async def _read(dirty: set[str]) -> list[Any]:
    ids: dict[str, list[uuid.UUID]] = {"job": [], "cluster": []}
    for payload in dirty:
        kind, _, changed = payload.partition(":")
        ids.setdefault(kind, []).append(uuid.UUID(changed))
    found: list[Any] = await dashboard.jobs(ids["job"]) if ids["job"] else []
    return found + (await dashboard.clusters(ids["cluster"]) if ids["cluster"] else [])
