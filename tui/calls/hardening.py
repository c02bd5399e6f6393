"""Hardening: a cluster's settings, what scans found, and the files that jobs left."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import httpx

from tui import wire
from tui.answers import decode
from tui.calls import PAGE_SIZE
from tui.session import Session

_FILE_TIMEOUT = httpx.Timeout(15.0, connect=5.0, read=60.0)


class HardeningCalls(Session):
    """Hardening: settings, reports, jobs and files."""

    async def hardening(self, cluster_id: str) -> wire.ClusterHardening:
        """What a cluster's hardening is set to, and how the last scan went."""
        return await self._get(f"/api/v1/clusters/{cluster_id}/hardening", wire.ClusterHardening)

    async def change_hardening(self, cluster_id: str, change: dict[str, Any]) -> wire.ClusterHardening:
        """Changes what is said and leaves the rest as it is. Raises Refused by field."""
        path = f"/api/v1/clusters/{cluster_id}/hardening"
        return decode(await self._call("PATCH", path, json=change), wire.ClusterHardening)

    async def hardening_items(self, page: int = 1, **where: str) -> wire.Page[wire.CatalogueItem]:
        """One page of the catalogue, by `benchmark`, `os_type`, `disposition` and `search`."""
        return await self._get(
            "/api/v1/hardening/items",
            wire.Page[wire.CatalogueItem],
            page=page,
            page_size=PAGE_SIZE,
            **where,
        )

    async def harden(self, cluster_id: str) -> wire.Accepted:
        """Queues a job that applies the cluster's hardening, and scans at its end."""
        return await self._post(f"/api/v1/clusters/{cluster_id}/harden")

    async def scan(self, cluster_id: str) -> wire.Accepted:
        """Queues a job that scans and changes nothing."""
        return await self._post(f"/api/v1/clusters/{cluster_id}/scan")

    async def rotate_encryption_key(self, cluster_id: str) -> wire.Accepted:
        """Queues a job that encrypts the cluster's secrets with a new key."""
        return await self._post(f"/api/v1/clusters/{cluster_id}/rotate-encryption-key")

    # --- reports ---

    async def hardening_reports(self, cluster_id: str, page: int = 1) -> wire.Page[wire.ReportLine]:
        """One page of a cluster's scans, newest first."""
        path = f"/api/v1/clusters/{cluster_id}/hardening/reports"
        return await self._get(path, wire.Page[wire.ReportLine], page=page, page_size=PAGE_SIZE)

    async def hardening_report(self, report_id: str) -> wire.Report:
        """One scan with its nodes."""
        return await self._get(f"/api/v1/hardening/reports/{report_id}", wire.Report)

    async def hardening_results(
        self, report_id: str, page: int = 1, **where: str
    ) -> wire.Page[wire.HardeningResult]:
        """One page of a scan's results, by `host`, `scanner`, `outcome` and `search`."""
        path = f"/api/v1/hardening/reports/{report_id}/results"
        return await self._get(path, wire.Page[wire.HardeningResult], page=page, page_size=PAGE_SIZE, **where)

    async def hardening_diff(self, report_id: str, against: str = "") -> wire.HardeningDiff:
        """What changed since an earlier scan; the one before when none is named. Raises NotThere."""
        query = {"against": against} if against else {}
        return await self._get(f"/api/v1/hardening/reports/{report_id}/diff", wire.HardeningDiff, **query)

    @asynccontextmanager
    async def hardening_export(self, report_id: str, form: str) -> AsyncGenerator[AsyncIterator[bytes]]:
        """A scan as `json`, `html` or `sarif`, in pieces. Raises ApiError."""
        path = f"/api/v1/hardening/reports/{report_id}/export"
        async with self._file(path, format=form) as pieces:
            yield pieces

    # --- files ---

    async def artifacts(self, job_id: str) -> list[wire.Artifact]:
        """The files that a job left."""
        return await self._get(f"/api/v1/jobs/{job_id}/artifacts", list[wire.Artifact])

    @asynccontextmanager
    async def artifact(self, job_id: str, name: str) -> AsyncGenerator[AsyncIterator[bytes]]:
        """One file that a job left, in pieces. Raises ApiError."""
        async with self._file(f"/api/v1/jobs/{job_id}/artifacts/{quote(name)}") as pieces:
            yield pieces

    @asynccontextmanager
    async def _file(self, path: str, **query: str) -> AsyncGenerator[AsyncIterator[bytes]]:
        request = self._http.build_request(
            "GET", path, params=query, headers={"Accept": "*/*"}, timeout=_FILE_TIMEOUT
        )
        async with self._stream(request) as response:
            yield response.aiter_bytes()
