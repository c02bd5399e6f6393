"""Clusters, their nodes and plans."""

from __future__ import annotations

from typing import Any

import httpx

from tui import wire
from tui.answers import decode
from tui.calls import PAGE_SIZE
from tui.session import Session

#: The server gives up on logins after 20 s and tells of them then.
_LOGIN_TIMEOUT = httpx.Timeout(40.0, connect=5.0)


class ClusterCalls(Session):
    """Clusters, their nodes and plans."""

    async def catalogue(self) -> wire.Catalogue:
        """What a new cluster may be made of."""
        return await self._get("/api/v1/catalogue", wire.Catalogue)

    async def create_cluster(self, body: bytes, key: str) -> wire.Created:
        """Creates a cluster; the same body under the same key makes it once. Raises ApiError."""
        headers = {"Idempotency-Key": key, "Content-Type": "application/json"}
        response = await self._call("POST", "/api/v1/clusters", headers=headers, content=body)
        return decode(response, wire.Created)

    async def test_ssh(self, body: dict[str, Any]) -> wire.SshReport:
        """Logs in to nodes and changes nothing. Raises ApiError."""
        response = await self._call("POST", "/api/v1/clusters/test-ssh", json=body, timeout=_LOGIN_TIMEOUT)
        return decode(response, wire.SshReport)

    async def clusters(self, page: int = 1, **where: str) -> wire.Page[wire.ClusterItem]:
        """One page of clusters, by `status_filter` and `search`, in the order of `sort`."""
        return await self._get(
            "/api/v1/clusters", wire.Page[wire.ClusterItem], page=page, page_size=PAGE_SIZE, **where
        )

    async def cluster(self, cluster_id: str) -> wire.Cluster:
        """One cluster."""
        return await self._get(f"/api/v1/clusters/{cluster_id}", wire.Cluster)

    async def cluster_spec(self, cluster_id: str) -> wire.ClusterSpec:
        """What a cluster was asked to be, without secrets; in the shape of a spec file."""
        return await self._get(f"/api/v1/clusters/{cluster_id}/spec", wire.ClusterSpec)

    async def nodes(self, cluster_id: str, page: int = 1, **where: str) -> wire.Page[wire.Node]:
        """One page of a cluster's nodes, by `status_filter` and `search`, in the order of `sort`."""
        path = f"/api/v1/clusters/{cluster_id}/nodes"
        return await self._get(path, wire.Page[wire.Node], page=page, page_size=PAGE_SIZE, **where)

    async def provision(self, cluster_id: str, *, plan_hash: str | None = None) -> wire.Accepted:
        """Queues a provision job; with a hash one that applies that plan and nothing else."""
        body = None if plan_hash is None else {"plan_hash": plan_hash}
        return await self._post(f"/api/v1/clusters/{cluster_id}/provision", body)

    async def plan(self, cluster_id: str) -> wire.Accepted:
        """Queues a job that finds out what a provision job would change."""
        return await self._post(f"/api/v1/clusters/{cluster_id}/plan")

    async def verify(self, cluster_id: str) -> wire.Accepted:
        """Queues a job that finds out what differs from the spec."""
        return await self._post(f"/api/v1/clusters/{cluster_id}/verify")

    async def plans(self, cluster_id: str, page: int = 1) -> wire.Page[wire.PlanLine]:
        """One page of a cluster's plans, newest first."""
        path = f"/api/v1/clusters/{cluster_id}/plans"
        return await self._get(path, wire.Page[wire.PlanLine], page=page, page_size=PAGE_SIZE)

    async def job_plan(self, job_id: str) -> wire.Plan:
        """What a plan or verify job found. Raises NotThere while there is nothing."""
        return await self._get(f"/api/v1/jobs/{job_id}/plan", wire.Plan)

    async def delete_cluster(self, cluster_id: str, *, deprovision: bool) -> wire.Deleted:
        """Deletes the record alone, or queues a job that also undoes the nodes."""
        response = await self._call(
            "DELETE", f"/api/v1/clusters/{cluster_id}", params={"deprovision": str(deprovision).lower()}
        )
        return decode(response, wire.Deleted)

    async def kubeconfig(self, cluster_id: str) -> str:
        """The cluster's admin kubeconfig, YAML. Raises NotThere while there is none."""
        response = await self._call(
            "GET", f"/api/v1/clusters/{cluster_id}/kubeconfig", headers={"Accept": "application/x-yaml, */*"}
        )
        return response.text
