"""Every documented reply about jobs: its status and exactly its members."""

from __future__ import annotations

from typing import Any

from engine.domain.events import EventKind
from engine.domain.statuses import JobStatus, PhaseStatus
from tests.contract.harness import Api, Run
from tests.contract.test_shapes import PAGE, TIME, created

JOB = {
    "id",
    "type",
    "status",
    "cluster_id",
    "cluster_name",
    "created_by",
    "created_at",
    "started_at",
    "finished_at",
    "progress",
    "phases",
    "hosts",
    "tenant",
}


async def test_a_job_shows_its_phases_and_how_far_it_is(api: Api) -> None:
    client, made = await created(api)
    run = Run(made["job"]["id"], api.cipher)
    queued = (await client.get(f"/api/v1/jobs/{made['job']['id']}")).json()
    await run.claim()
    first = queued["phases"][0]["slug"]
    await run.tell(
        run.event(EventKind.PHASE_STARTED, phase=first),
        run.event(EventKind.PHASE_FINISHED, phase=first, data={"status": PhaseStatus.SUCCEEDED}),
    )

    running = (await client.get(f"/api/v1/jobs/{made['job']['id']}")).json()
    cluster = (await client.get("/api/v1/clusters/yard-1")).json()

    assert set(queued) == JOB | {"waiting_for"}
    assert (queued["status"], queued["progress"], queued["cluster_name"]) == ("queued", 0, "yard-1")
    assert all(
        set(phase) == {"slug", "name", "status", "started_at", "finished_at"} for phase in queued["phases"]
    )
    assert running["status"] == "running"
    assert running["phases"][0]["status"] == "succeeded"
    assert running["progress"] == 100 // len(running["phases"])
    assert TIME.fullmatch(running["started_at"])
    assert cluster["status"] == "provisioning"


async def test_jobs_are_listed_and_filtered(api: Api) -> None:
    client, made = await created(api)
    await client.post("/api/v1/clusters/yard-1/provision")
    run = Run(made["job"]["id"], api.cipher)
    await run.claim()
    await run.finish(JobStatus.INTERRUPTED, reason="the supervisor died")

    def total(**params: str) -> Any:
        return client.get("/api/v1/jobs", params=params)

    whole = (await total()).json()
    assert set(whole) == PAGE
    assert whole["total"] == 2
    failed = (await total(status_filter="failed")).json()["data"]
    assert [(job["id"], job["status"], job["reason"]) for job in failed] == [
        (made["job"]["id"], "failed", "interrupted")
    ]
    assert (await total(cluster_id="yard-1", type="provision")).json()["total"] == 2
    assert (await total(type="deprovision")).json()["total"] == 0
    assert (await total(cluster_id="nix")).status_code == 404
    assert (await total(status_filter="interrupted")).status_code == 422


async def test_a_failed_job_is_retried_where_it_stopped(api: Api) -> None:
    client, made = await created(api)
    job_id = made["job"]["id"]
    first = (await client.get(f"/api/v1/jobs/{job_id}")).json()["phases"][0]["slug"]
    active = await client.post(f"/api/v1/jobs/{job_id}/retry")
    run = Run(job_id, api.cipher)
    await run.claim()
    await run.finish(
        JobStatus.FAILED,
        message="worker-01: no space left on device",
        phases={first: PhaseStatus.SUCCEEDED},
    )

    answer = await client.post(f"/api/v1/jobs/{job_id}/retry", json={"hosts": "all"})
    older = await client.post(f"/api/v1/jobs/{job_id}/retry")
    failed = (await client.get(f"/api/v1/jobs/{job_id}")).json()
    retried = (await client.get(f"/api/v1/jobs/{answer.json()['job_id']}")).json()

    assert active.status_code == 409
    assert answer.status_code == 202
    assert older.status_code == 409
    assert failed["message"] == "worker-01: no space left on device"
    assert set(retried) == JOB | {"retry_of", "waiting_for"}
    assert retried["retry_of"] == job_id
    assert [phase["status"] for phase in retried["phases"][:2]] == ["skipped", "pending"]
    wrong = await client.post(f"/api/v1/jobs/{job_id}/retry", json={"hosts": "some"})
    assert [error["field"] for error in wrong.json()["errors"]] == ["hosts"]


async def test_a_job_that_succeeded_is_not_retried(api: Api) -> None:
    client, made = await created(api)
    run = Run(made["job"]["id"], api.cipher)
    await run.claim()
    await run.finish(JobStatus.SUCCESS, kubeconfig="apiVersion: v1\n")

    assert (await client.post(f"/api/v1/jobs/{run.job_id}/retry")).status_code == 409
    assert (await client.get("/api/v1/clusters/yard-1")).json()["status"] == "running"


async def test_cancel_is_at_once_in_the_queue_and_asked_for_while_running(api: Api) -> None:
    client, made = await created(api)
    second = (await client.post("/api/v1/clusters/yard-1/provision")).json()["job_id"]
    run = Run(made["job"]["id"], api.cipher)
    await run.claim()

    asked = [await client.post(f"/api/v1/jobs/{run.job_id}/cancel") for _ in range(2)]
    queued = await client.post(f"/api/v1/jobs/{second}/cancel")
    again = await client.post(f"/api/v1/jobs/{second}/cancel")

    assert [answer.status_code for answer in asked] == [202, 202]
    assert (queued.status_code, again.status_code) == (202, 409)
    assert (await client.get(f"/api/v1/jobs/{second}")).json()["status"] == "cancelled"
    assert (await client.get(f"/api/v1/jobs/{run.job_id}")).json()["status"] == "running"
