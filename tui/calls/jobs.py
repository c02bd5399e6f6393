"""Jobs, their hosts and events."""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from tui import wire
from tui.answers import decode
from tui.calls import PAGE_SIZE
from tui.session import Session

HOSTS_PAGE = 1000
_LOG_TIMEOUT = httpx.Timeout(15.0, connect=5.0, read=60.0)


class JobCalls(Session):
    """Jobs, their hosts and events."""

    async def jobs(
        self, page: int = 1, *, cluster_id: str | None = None, **where: str
    ) -> wire.Page[wire.Job]:
        """One page of jobs, newest first; of one cluster when asked so.

        `where` is `status_filter`, `type`, `search` and `sort` as the API takes them.
        """
        query: dict[str, Any] = {"page": page, "page_size": PAGE_SIZE, **where}
        if cluster_id is not None:
            query["cluster_id"] = cluster_id
        return await self._get("/api/v1/jobs", wire.Page[wire.Job], **query)

    async def job(self, job_id: str) -> wire.Job:
        """One job with its phases."""
        return await self._get(f"/api/v1/jobs/{job_id}", wire.Job)

    async def cancel(self, job_id: str) -> wire.Accepted:
        """Asks the job to stop."""
        return await self._post(f"/api/v1/jobs/{job_id}/cancel")

    async def retry(self, job_id: str, hosts: str | list[str] = "failed") -> wire.Retried:
        """Queues a new job that resumes this one: on what failed, on `all`, or on the nodes named."""
        response = await self._call(
            "POST",
            f"/api/v1/jobs/{job_id}/retry",
            headers={"Idempotency-Key": str(uuid.uuid4())},
            json={"hosts": hosts},
        )
        return decode(response, wire.Retried)

    async def job_hosts(self, job_id: str, most: int = 10_000) -> list[wire.JobHost]:
        """How a job stands on its nodes, in the cluster's order; at most so many."""
        found: list[wire.JobHost] = []
        number = 1
        while len(found) < most:
            page = await self._get(
                f"/api/v1/jobs/{job_id}/hosts", wire.Page[wire.JobHost], page=number, page_size=HOSTS_PAGE
            )
            found += page.data
            number += 1
            if number > page.total_pages:
                break
        return found

    async def slowest_tasks(self, job_id: str) -> wire.SlowestTasks:
        """What took longest, in the job and in each phase."""
        return await self._get(f"/api/v1/jobs/{job_id}/tasks", wire.SlowestTasks, order="duration")

    async def event_page(self, job_id: str, **where: Any) -> wire.EventPage:
        """A page of a job's events: `tail=True`, `before=` or `after=` a sequence, with `limit` and filters
        (`phase`, `host`, `kind`, `status`, `search`). Raises ApiError.
        """
        query = {name: value for name, value in where.items() if value is not None}
        return await self._get(f"/api/v1/jobs/{job_id}/events", wire.EventPage, **query)

    @asynccontextmanager
    async def job_log(self, job_id: str) -> AsyncGenerator[AsyncIterator[bytes]]:
        """The whole log as text, in pieces, so that it never has to fit into memory. Raises ApiError."""
        request = self._http.build_request(
            "GET", f"/api/v1/jobs/{job_id}/log", headers={"Accept": "text/plain"}, timeout=_LOG_TIMEOUT
        )
        async with self._stream(request) as response:
            yield response.aiter_bytes()
