"""Open event streams."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress

import httpx

from tui import errors
from tui.session import Session

_STREAM_TIMEOUT = httpx.Timeout(15.0, connect=5.0, read=20.0)  # the server pings every 8 s


class StreamCalls(Session):
    """Open event streams."""

    @asynccontextmanager
    async def events(self, job_id: str, after: int) -> AsyncGenerator[httpx.Response]:
        """The open event stream of a job, after the given sequence. Raises ApiError."""
        headers = {"Accept": "text/event-stream", "Cache-Control": "no-store"}
        if after:
            headers["Last-Event-ID"] = str(after)
        request = self._http.build_request(
            "GET", f"/api/v1/jobs/{job_id}/events", headers=headers, timeout=_STREAM_TIMEOUT
        )
        async with self._stream(request) as response:
            yield response

    @asynccontextmanager
    async def everything(self, jobs: Mapping[str, int] | None = None) -> AsyncGenerator[httpx.Response]:
        """The open stream of all changes, with the events of these jobs behind these sequences.

        Raises ApiError.
        """
        headers = {"Accept": "text/event-stream", "Cache-Control": "no-store"}
        query = {}
        if jobs:
            after = ",".join(map(str, jobs.values()))
            query = {"jobs": ",".join(jobs), "after": after, "news": "true"}
        request = self._http.build_request(
            "GET", "/api/v1/events", params=query, headers=headers, timeout=_STREAM_TIMEOUT
        )
        async with self._stream(request) as response:
            yield response

    async def ping(self) -> None:
        """Measures how long an answer takes; an unreachable server is told elsewhere."""
        with suppress(errors.ApiError):
            await self._send(self._http.build_request("GET", "/health"))
