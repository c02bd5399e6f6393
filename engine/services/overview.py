"""The overview: what wants somebody now, what runs, and how much of everything there is."""

from __future__ import annotations

from datetime import datetime

import msgspec

from engine.domain import attention, permissions
from engine.domain.attention import Item, Workplace
from engine.domain.permissions import Permission, Principal
from engine.domain.statuses import JobStatus, Role
from engine.services import workers
from engine.store import job_views, scope
from engine.store import overview as facts
from engine.store.job_views import JobView
from engine.store.overview import MOST, Counts
from engine.store.workers import WorkerView

__all__ = ["Overview", "see"]


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """Everything at a glance, at one moment."""

    at: datetime
    counts: Counts
    running: list[JobView]  # newest first, MOST at most
    workers: list[WorkerView]
    attention: list[Item]  # worst first, MOST at most
    attention_count: int


async def see(principal: Principal, *, backup_days: int) -> Overview:
    """How everything is that the caller may see; actions are those that the caller may ask for.

    Args:
        principal: who asks.
        backup_days: after so many days without a backup of Keelyard's own state administrators are told; 0:
            never.
    """
    permissions.require(principal, Permission.CLUSTER_READ)
    now = await facts.now()
    counts = await facts.counts()
    running, _ = await job_views.page(
        cluster_id=None, statuses=[JobStatus.RUNNING], job_type=None, offset=0, limit=MOST
    )
    found = await workers.every()
    items = await _attention(principal, counts, found, backup_days=backup_days, now=now)
    return Overview(
        at=now,
        counts=counts,
        running=running,
        workers=found,
        attention=[_permitted(principal, item) for item in items[:MOST]],
        attention_count=len(items),
    )


async def _attention(
    principal: Principal, counts: Counts, found: list[WorkerView], *, backup_days: int, now: datetime
) -> list[Item]:
    jobs = await facts.troubled_jobs()
    items = attention.of_jobs(jobs)
    items += attention.of_clusters(await facts.failed_clusters(), {job.cluster_id for job in jobs})
    items += attention.of_conditions(await facts.observed(), now)
    items += attention.of_workers(
        [
            Workplace(name=worker.name, state=worker.state, runs=len(worker.jobs), last_seen=worker.last_seen)
            for worker in found
        ],
        counts.queued,
    )
    items += attention.of_schedules(await facts.unserved_schedules())
    if permissions.allowed(principal.roles, Permission.CHANNEL_READ):
        items += attention.of_notices(await facts.dead_notices())
    if backup_days and Role.ADMIN in principal.roles:
        with scope.everything():  # the state is everybody's
            saved = await facts.backups()
        items += attention.of_backup(saved.last, saved.first_cluster, backup_days, now)
    return attention.ordered(items)


def _permitted(principal: Principal, item: Item) -> Item:
    """The item without an action that would be refused."""
    if item.action is None:
        return item
    needed = attention.PERMISSIONS[item.action]
    limited = principal.limited_to is not None and needed not in principal.limited_to
    if limited or not permissions.allowed(principal.roles, needed):
        return msgspec.structs.replace(item, action=None)
    return item
