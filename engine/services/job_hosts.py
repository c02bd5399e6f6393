"""A job host by host: how it stands on each, and what took longest."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from engine.domain.permissions import Principal
from engine.domain.recaps import HostStatus
from engine.services import job_events
from engine.store import job_hosts
from engine.store.job_hosts import SLOWEST, HostView
from engine.store.records import SlowTask

__all__ = ["SLOWEST", "HostStatus", "HostView", "SlowTask", "page", "slowest"]


async def page(
    principal: Principal,
    job_id: uuid.UUID,
    *,
    statuses: Sequence[HostStatus] | None,
    page: int,
    page_size: int,
) -> tuple[list[HostView], int]:
    """Hosts of a job in the order of the cluster's nodes, and how many; raises NotFound."""
    await job_events.require(principal, job_id)
    return await job_hosts.page(job_id, statuses=statuses, offset=(page - 1) * page_size, limit=page_size)


async def slowest(principal: Principal, job_id: uuid.UUID) -> list[SlowTask]:
    """The slowest tasks of each phase, slowest first; raises NotFound."""
    await job_events.require(principal, job_id)
    return await job_hosts.slowest(job_id)
