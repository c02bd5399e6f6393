"""Plan and verify over HTTP: started, and what they never touch."""

from __future__ import annotations

import pytest

from engine.domain.statuses import JobStatus
from tests.contract.harness import Api, Run, cluster_body


@pytest.mark.parametrize("verb", ["plan", "verify"])
async def test_a_look_is_a_job_behind_the_others(api: Api, verb: str) -> None:
    admin = await api.admin()
    created = (await admin.post("/api/v1/clusters", json=cluster_body())).json()

    answer = await admin.post(f"/api/v1/clusters/yard-1/{verb}")

    assert answer.status_code == 202
    assert set(answer.json()) == {"message", "cluster_id", "job_id"}
    assert answer.headers["location"] == f"/api/v1/jobs/{answer.json()['job_id']}"
    job = (await admin.get(answer.headers["location"])).json()
    assert (job["type"], job["status"]) == (verb, "queued")
    assert job["phases"] == [
        {**phase, "status": "pending"}
        for phase in (await admin.get(f"/api/v1/jobs/{created['job']['id']}")).json()["phases"]
    ]


@pytest.mark.parametrize("verb", ["plan", "verify"])
@pytest.mark.parametrize("end", [JobStatus.SUCCESS, JobStatus.FAILED, JobStatus.INTERRUPTED])
async def test_a_look_says_nothing_about_a_clusters_status(api: Api, verb: str, end: JobStatus) -> None:
    admin = await api.admin()
    await admin.post("/api/v1/clusters", json=cluster_body(provision_immediately=False))

    started = (await admin.post(f"/api/v1/clusters/yard-1/{verb}")).json()
    run = Run(started["job_id"], api.cipher)
    await run.claim()
    during = (await admin.get("/api/v1/clusters/yard-1")).json()["status"]
    await run.finish(end, kubeconfig="apiVersion: v1\n")

    assert during == "pending"
    assert (await admin.get("/api/v1/clusters/yard-1")).json()["status"] == "pending"
    nodes = (await admin.get("/api/v1/clusters/yard-1/nodes")).json()["data"]
    assert {node["status"] for node in nodes} == {"pending"}
    assert (await admin.get("/api/v1/clusters/yard-1/kubeconfig")).status_code == 404


async def test_a_failed_job_is_retried_although_somebody_looked_since(api: Api) -> None:
    admin = await api.admin()
    created = (await admin.post("/api/v1/clusters", json=cluster_body())).json()
    provision = Run(created["job"]["id"], api.cipher)
    await provision.claim()
    await provision.finish(JobStatus.FAILED)
    look = Run((await admin.post("/api/v1/clusters/yard-1/plan")).json()["job_id"], api.cipher)
    await look.claim()
    await look.finish(JobStatus.FAILED)

    assert (await admin.get("/api/v1/clusters/yard-1")).json()["status"] == "failed"
    assert (await admin.post(f"/api/v1/jobs/{look.job_id}/retry")).status_code in (201, 202)
    assert (await admin.post(f"/api/v1/jobs/{provision.job_id}/retry")).status_code in (201, 202)


async def test_a_repeated_request_is_one_look(api: Api) -> None:
    admin = await api.admin()
    await admin.post("/api/v1/clusters", json=cluster_body(provision_immediately=False))
    key = {"Idempotency-Key": "look-once"}

    first = await admin.post("/api/v1/clusters/yard-1/plan", headers=key)
    again = await admin.post("/api/v1/clusters/yard-1/plan", headers=key)

    assert first.json() == again.json()
