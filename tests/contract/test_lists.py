"""Lists of clusters, jobs and nodes: searched and sorted beyond the page that is asked for."""

from __future__ import annotations

import uuid
from typing import Any

from engine.domain.statuses import JobStatus, Role
from engine.store import database
from tests.contract.harness import ADMIN, Api, Run, cluster_body


async def three(api: Api) -> tuple[Any, dict[str, str]]:
    """Three clusters, of which the first has a job that failed; their ids by name."""
    client = await api.admin()
    ids = {}
    for number, name in enumerate(("yard-9", "yard-10", "shop-eu"), start=1):
        body = cluster_body(
            name,
            network=f"198.51.{number}",
            description=f"Number {number} of 3",
            provision_immediately=number == 1,
        )
        made = (await client.post("/api/v1/clusters", json=body)).json()
        ids[name] = made["cluster"]["id"]
        if number == 1:
            run = Run(made["job"]["id"], api.cipher)
            await run.claim()
            await run.finish(JobStatus.INTERRUPTED, reason="the supervisor died")
    return client, ids


async def names(client: Any, path: str, member: str = "name", **query: str) -> list[str]:
    answer = await client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return [item[member] for item in answer.json()["data"]]


async def test_clusters_are_searched_sorted_and_told_with_tenant_and_last_job(api: Api) -> None:
    client, _ = await three(api)
    path = "/api/v1/clusters"

    assert await names(client, path) == ["shop-eu", "yard-10", "yard-9"]
    assert await names(client, path, sort="name") == ["shop-eu", "yard-10", "yard-9"]
    assert await names(client, path, sort="-created_at") == ["shop-eu", "yard-10", "yard-9"]
    assert await names(client, path, sort="created_at", page_size="1", page="3") == ["shop-eu"]
    for order in ("status", "-nodes", "kubernetes_version", "cni", "-updated_at"):
        assert len(await names(client, path, sort=order)) == 3
    assert await names(client, path, search="YARD", sort="-name") == ["yard-9", "yard-10"]
    assert await names(client, path, search="number 3") == ["shop-eu"]
    assert await names(client, path, search="%") == []
    assert await names(client, path, search="yard", status_filter="pending") == ["yard-10"]

    listed = {item["name"]: item for item in (await client.get(path)).json()["data"]}
    one = (await client.get(f"{path}/yard-9")).json()
    assert listed["shop-eu"]["tenant"]["slug"] == "default"
    assert listed["shop-eu"]["last_job"] is None
    assert (one["last_job"]["type"], one["last_job"]["status"]) == ("provision", "failed")
    assert (one["tenant"], one["last_job"]) == (listed["yard-9"]["tenant"], listed["yard-9"]["last_job"])


async def test_jobs_are_searched_and_sorted_over_many_pages(api: Api) -> None:
    client, ids = await three(api)
    path = "/api/v1/jobs"
    # Ten thousand ended jobs, as a busy year leaves them.
    await database.fetch(
        """INSERT INTO job (id, tenant_id, cluster_id, type, status, requested_by_email, correlation_id,
               created_at, started_at, finished_at)
           SELECT gen_random_uuid(), tenant_id, id, 'verify', 'success', 'clock@example.local', '',
               now() - n * interval '1 hour', now() - n * interval '1 hour',
               now() - n * interval '1 hour' + n * interval '1 second'
           FROM cluster, generate_series(1, 10000) AS n WHERE id = $1""",
        uuid.UUID(ids["shop-eu"]),
    )

    page = (await client.get(path, params={"sort": "-duration", "page": 100, "page_size": 100})).json()
    assert (page["total"], page["total_pages"], len(page["data"])) == (10_001, 101, 100)
    assert await names(client, path, "cluster_name", sort="-cluster", page_size="1") == ["yard-9"]
    assert await names(client, path, "cluster_name", search="YARD") == ["yard-9"]
    assert await names(client, path, "cluster_name", search="admin@") == ["yard-9"]
    failed = (await client.get(path, params={"sort": "status", "page_size": 1})).json()["data"][0]
    assert failed["cluster_name"] == "yard-9"
    assert failed["tenant"]["slug"] == "default"
    assert await names(client, path, "id", search=failed["id"][:13].upper()) == [failed["id"]]
    for order in ("type", "-created_by", "created_at", "-started_at", "finished_at"):
        assert len(await names(client, path, "id", sort=order, page_size="2")) == 2


async def test_nodes_are_searched_sorted_and_narrowed_to_a_status(api: Api) -> None:
    client, ids = await three(api)
    path = "/api/v1/clusters/shop-eu/nodes"
    # More than a spec may name today; what is stored is paged all the same.
    await database.fetch(
        """INSERT INTO node (id, cluster_id, name, role, ip_address, os_type, status, machine_id, position)
           SELECT gen_random_uuid(), $1, 'w-' || n, 'worker', '10.9.' || n / 250 || '.' || n % 250,
               'debian12', CASE WHEN n = 7 THEN 'failed' ELSE 'ready' END, '', 1 + n
           FROM generate_series(1, 1998) AS n""",
        uuid.UUID(ids["shop-eu"]),
    )

    last = (await client.get(path, params={"page": 20, "page_size": 100})).json()
    assert (last["total"], last["total_pages"], last["data"][-1]["name"]) == (2000, 20, "w-1998")
    assert await names(client, path, sort="-ip_address", page_size="1") == ["worker-01"]
    assert await names(client, path, sort="ip_address", page_size="1") == ["w-1"]
    assert await names(client, path, search="10.9.7.248") == ["w-1998"]
    assert await names(client, path, status_filter="failed") == ["w-7"]
    for order in ("name", "-role", "status", "os_type", "-kubernetes_version", "last_seen"):
        assert len(await names(client, path, sort=order, page_size="2")) == 2


async def test_a_wrong_order_is_named_and_what_no_text_holds_is_not_found(api: Api) -> None:
    client, _ = await three(api)
    for path in ("/clusters", "/jobs", "/clusters/yard-9/nodes"):
        for query in ("sort=colour", "sort=--name", "sort=", "search="):
            answer = await client.get(f"/api/v1{path}?{query}")
            assert answer.status_code == 422, (path, query)
            field = query.partition("=")[0]
            assert [problem["field"] for problem in answer.json()["errors"]] == [field]
        assert (await client.get(f"/api/v1{path}?search=%00")).status_code == 200


async def test_a_search_ends_at_the_tenant(api: Api) -> None:
    admin, _ = await three(api)
    await admin.post("/api/v1/tenants", json={"name": "Acme", "email": "c@acme.example", "status": "active"})
    email = "ada@example.local"
    ada = await api.account(Role.OPERATOR, email)
    await admin.post("/api/v1/tenants/acme/members", json={"email": email})

    assert await names(ada, "/api/v1/clusters", search="yard") == []
    assert await names(ada, "/api/v1/jobs", "id", search=ADMIN, sort="cluster") == []
    own = cluster_body("yard-acme", network="203.0.113")
    assert (await ada.post("/api/v1/clusters", json=own)).status_code == 201
    found = (await ada.get("/api/v1/clusters", params={"search": "yard"})).json()["data"]
    assert [(item["name"], item["tenant"]["slug"]) for item in found] == [("yard-acme", "acme")]
    assert found[0]["last_job"]["type"] == "provision"
