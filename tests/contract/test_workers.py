"""Workers over HTTP: listed, drained, resumed, removed; and what queued jobs wait for."""

from __future__ import annotations

import httpx

from engine.domain.statuses import Role
from engine.store import database, records, workers
from tests.contract.harness import Api, cluster_body

WORKER = {
    "name",
    "hostname",
    "version",
    "state",
    "drained",
    "forks",
    "forks_used",
    "memory_mb",
    "memory_mb_used",
    "concurrency",
    "jobs",
    "started_at",
    "last_seen",
    "silent_seconds",
}


async def register(name: str) -> None:
    await workers.register(
        records.Worker(name=name, hostname="host-1", version="0.1", forks=8, memory_mb=4096)
    )


async def lose(name: str) -> None:
    await database.fetch("UPDATE worker SET last_seen = now() - interval '1 h' WHERE name = $1", name)


async def test_workers_are_listed_and_shown(api: Api) -> None:
    client = await api.account(Role.VIEWER)
    for name in ("b", "a", "c"):
        await register(name)
    await lose("c")

    listed = (await client.get("/api/v1/workers", params={"page_size": 2})).json()
    [rest] = (await client.get("/api/v1/workers", params={"page_size": 2, "page": 2})).json()["data"]
    one = (await client.get("/api/v1/workers/a")).json()

    assert (listed["total"], listed["total_pages"]) == (3, 2)
    assert [worker["name"] for worker in listed["data"]] == ["a", "b"]
    assert set(one) == WORKER
    assert (one["state"], one["forks"], one["forks_used"], one["jobs"]) == ("ready", 8, 0, [])
    assert (rest["name"], rest["state"]) == ("c", "lost")
    assert (await client.get("/api/v1/workers/nix")).status_code == 404


async def test_an_operator_drains_and_resumes_and_both_are_audited(api: Api) -> None:
    operator = await api.account(Role.OPERATOR, "olga@example.local")
    await register("a")

    drained = await operator.post("/api/v1/workers/a/drain")
    again = await operator.post("/api/v1/workers/a/drain")
    resumed = await operator.post("/api/v1/workers/a/resume")
    unknown = await operator.post("/api/v1/workers/nix/drain")

    assert (drained.status_code, drained.json()["state"]) == (200, "drained")
    assert again.json()["state"] == "drained"
    assert (resumed.json()["state"], resumed.json()["drained"]) == ("ready", False)
    assert unknown.status_code == 404
    entries = (await operator.get("/api/v1/audit-logs", params={"resource": "worker"})).json()["data"]
    assert [(entry["action"], entry["resource_id"], entry["status"]) for entry in entries] == [
        ("worker:drain", "nix", "refused"),
        ("worker:resume", "a", "success"),
        ("worker:drain", "a", "success"),
        ("worker:drain", "a", "success"),
    ]


async def test_only_a_worker_that_is_gone_is_removed(api: Api) -> None:
    admin = await api.admin()
    await register("a")

    live = await admin.delete("/api/v1/workers/a")
    await lose("a")
    gone = await admin.delete("/api/v1/workers/a")

    assert (live.status_code, gone.status_code) == (409, 204)
    assert "ready" in live.json()["detail"]
    assert (await admin.get("/api/v1/workers/a")).status_code == 404


async def test_a_queued_job_says_what_it_waits_for(api: Api) -> None:
    admin = await api.admin()
    made = (await admin.post("/api/v1/clusters", json=cluster_body())).json()

    async def told(client: httpx.AsyncClient) -> str:
        one = (await client.get(f"/api/v1/jobs/{made['job']['id']}")).json()["waiting_for"]
        [listed] = (await client.get("/api/v1/jobs")).json()["data"]
        assert listed["waiting_for"] == one
        return one

    nobody = await told(admin)
    await register("a")
    await admin.post("/api/v1/workers/a/drain")

    assert "none has registered" in nobody
    assert "1 drained" in await told(admin)


async def test_workers_and_their_queue_are_measured(api: Api) -> None:
    admin = await api.admin()
    await register("a")
    await lose("a")
    await admin.post("/api/v1/clusters", json=cluster_body())

    text = (await api.anonymous().get("/metrics")).text

    for line in (
        'keelyard_workers{state="lost"} 1.0',
        'keelyard_workers{state="ready"} 0.0',
        'keelyard_worker_forks{worker="a"} 8.0',
        'keelyard_worker_forks_used{worker="a"} 0.0',
        "keelyard_queue_depth 1.0",
    ):
        assert line in text.splitlines()
