"""Every documented reply: its status and exactly its members."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from engine.domain.statuses import JobStatus
from engine.store import cluster_views
from tests.contract.harness import Api, Run, cluster_body

CLUSTER = {
    "id",
    "name",
    "description",
    "status",
    "kubernetes_version",
    "topology",
    "components",
    "created_at",
    "updated_at",
    "tenant",
    "last_job",
}
NODE = {
    "id",
    "name",
    "role",
    "ip_address",
    "ssh_port",
    "os_type",
    "status",
    "kubernetes_version",
    "last_seen",
}
PAGE = {"total", "page", "page_size", "total_pages", "data"}
AUDIT = {
    "id",
    "timestamp",
    "actor",
    "action",
    "resource_type",
    "resource_id",
    "resource_name",
    "status",
    "address",
    "correlation_id",
    "details",
}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


async def created(api: Api, **changes: Any) -> tuple[Any, dict[str, Any]]:
    client = await api.admin()
    answer = await client.post("/api/v1/clusters", json=cluster_body(**changes))
    assert answer.status_code == 201, answer.text
    return client, answer.json()


async def test_the_server_tells_what_it_is(api: Api) -> None:
    client = api.anonymous()

    about = (await client.get("/")).json()
    health = (await client.get("/health")).json()

    assert about.pop("contracts") == {
        "provisioner": "/",
        "gitops": "/",
        "px-backup": "/px-backup",
        "aws-control-plane": "/control-plane",
        "regional-platform": "/",
    }
    assert about == {
        "message": "Kubernetes Provisioner Platform API",
        "version": "1.0.0",
        "docs": "/docs",
        "api": "/api/v1",
    }
    assert health == {"status": "healthy", "version": "1.0.0"}


async def test_a_cluster_is_found_by_id_and_by_name(api: Api) -> None:
    client, made = await created(api)

    by_id = await client.get(f"/api/v1/clusters/{made['cluster']['id']}")
    by_name = await client.get("/api/v1/clusters/yard-1")

    found = by_id.json()
    assert by_name.json() == found
    assert set(found) == CLUSTER | {"conditions"}
    assert set(found["topology"]) == {"ha", "control_plane_count", "worker_count"}
    assert set(found["components"]) == {"cni", "ingress", "runtime", "kubernetes_version"}
    assert TIME.fullmatch(found["created_at"])
    assert TIME.fullmatch(found["updated_at"])


async def test_clusters_are_listed_in_pages(api: Api) -> None:
    client, _ = await created(api)
    for number in (2, 3):
        body = cluster_body(f"yard-{number}", network=f"198.51.{number}")
        await client.post("/api/v1/clusters", json=body)

    whole = (await client.get("/api/v1/clusters")).json()
    second = (await client.get("/api/v1/clusters", params={"page": 2, "page_size": 2})).json()
    beyond = (await client.get("/api/v1/clusters", params={"page": 9, "page_size": 2})).json()

    assert set(whole) == PAGE
    assert [item["name"] for item in whole["data"]] == ["yard-3", "yard-2", "yard-1"]
    assert all(set(item) == CLUSTER for item in whole["data"])
    assert (second["total"], second["total_pages"], len(second["data"])) == (3, 2, 1)
    assert (beyond["total"], beyond["data"]) == (3, [])


async def test_deleted_clusters_are_listed_only_where_they_are_asked_for(api: Api) -> None:
    client, made = await created(api, provision_immediately=False)
    reference = made["cluster"]["id"]

    gone = await client.delete(f"/api/v1/clusters/{reference}")
    listed = {
        status: (await client.get("/api/v1/clusters", params={"status_filter": status})).json()["total"]
        for status in ("pending", "provisioning", "running", "failed", "deleted", "all")
    }

    assert gone.status_code == 202
    assert gone.json() == {"message": "Cluster marked as deleted", "cluster_id": reference}
    assert listed == {"pending": 0, "provisioning": 0, "running": 0, "failed": 0, "deleted": 1, "all": 1}
    assert (await client.get("/api/v1/clusters")).json()["total"] == 0
    assert (await client.get(f"/api/v1/clusters/{reference}")).json()["status"] == "deleted"
    assert (await client.get("/api/v1/clusters/yard-1")).status_code == 404
    assert (await client.delete(f"/api/v1/clusters/{reference}")).status_code == 404
    again = await client.post("/api/v1/clusters", json=cluster_body())
    assert again.status_code == 201


async def test_a_deprovision_job_deletes_the_cluster_when_it_succeeds(api: Api) -> None:
    client, made = await created(api)
    reference = made["cluster"]["id"]
    answer = await client.delete(f"/api/v1/clusters/{reference}", params={"deprovision": "true"})

    started = answer.json()
    assert answer.status_code == 202
    assert set(started) == {"message", "cluster_id", "job_id"}
    assert started["message"] == "Cluster deletion initiated"
    assert answer.headers["location"] == f"/api/v1/jobs/{started['job_id']}"
    assert (await client.post(f"/api/v1/clusters/{reference}/provision")).status_code == 409
    await client.post(f"/api/v1/jobs/{made['job']['id']}/cancel")
    run = Run(started["job_id"], api.cipher)
    await run.claim()
    await run.finish(JobStatus.SUCCESS)
    assert (await client.get(f"/api/v1/clusters/{reference}")).json()["status"] == "deleted"
    assert (await client.delete(f"/api/v1/clusters/{reference}")).status_code == 404


async def test_a_busy_cluster_is_not_soft_deleted(api: Api) -> None:
    client, made = await created(api)

    answer = await client.delete("/api/v1/clusters/yard-1")

    assert answer.status_code == 409
    assert made["job"]["id"] in answer.json()["detail"]


async def test_nodes_are_listed_in_the_order_they_were_named(api: Api) -> None:
    client, _ = await created(api)

    listed = (await client.get("/api/v1/clusters/yard-1/nodes")).json()

    assert set(listed) == PAGE
    assert [node["name"] for node in listed["data"]] == ["control-01", "worker-01"]
    assert all(set(node) == NODE for node in listed["data"])


async def test_the_kubeconfig_is_there_once_a_job_left_it_and_its_download_is_audited(api: Api) -> None:
    client, made = await created(api)
    before = await client.get("/api/v1/clusters/yard-1/kubeconfig")
    run = Run(made["job"]["id"], api.cipher)
    await run.claim()
    await run.finish(JobStatus.SUCCESS, kubeconfig="apiVersion: v1\nkind: Config\n")

    after = await client.get("/api/v1/clusters/yard-1/kubeconfig")

    assert before.status_code == 404
    assert "no kubeconfig yet" in before.json()["detail"]
    assert after.status_code == 200
    assert after.headers["content-type"].startswith("application/x-yaml")
    assert after.headers["content-disposition"] == 'attachment; filename="yard-1-kubeconfig.yaml"'
    assert after.text == "apiVersion: v1\nkind: Config\n"
    entries = (await client.get("/api/v1/audit-logs", params={"action": "cluster:kubeconfig"})).json()
    assert [entry["status"] for entry in entries["data"]] == ["success", "refused"]


async def test_provision_again_starts_a_job(api: Api) -> None:
    client, made = await created(api, provision_immediately=False)

    answer = await client.post("/api/v1/clusters/yard-1/provision")

    started = answer.json()
    assert answer.status_code == 202
    assert set(started) == {"message", "cluster_id", "job_id"}
    assert started["cluster_id"] == made["cluster"]["id"]
    assert answer.headers["location"] == f"/api/v1/jobs/{started['job_id']}"


async def test_the_audit_log_tells_who_did_what(api: Api) -> None:
    client, made = await created(api)
    await client.post("/api/v1/clusters", json=cluster_body(), headers={"X-Request-ID": "trace-me"})

    listed = (await client.get("/api/v1/audit-logs")).json()
    refused = listed["data"][0]
    done = listed["data"][1]

    assert set(listed) == PAGE
    assert all(set(entry) == AUDIT for entry in listed["data"])
    assert (done["action"], done["status"], done["resource_id"]) == (
        "cluster:create",
        "success",
        made["cluster"]["id"],
    )
    assert (refused["action"], refused["status"], refused["resource_name"]) == (
        "cluster:create",
        "refused",
        "yard-1",
    )
    assert refused["details"]["status_code"] == 409
    assert refused["correlation_id"] == "trace-me"
    for params in ({"status": "refused"}, {"resource": f"cluster/{made['cluster']['id']}"}):
        assert (await client.get("/api/v1/audit-logs", params=params)).json()["total"] == 1
    assert (await client.get("/api/v1/audit-logs", params={"since": "2100-01-01T00:00:00Z"})).json()[
        "total"
    ] == 0
    assert (await client.get("/api/v1/audit-logs", params={"since": "never"})).status_code == 422


async def test_unreachable_nodes_are_told_one_by_one(api: Api) -> None:
    body = cluster_body()
    body["nodes"] = [{**body["nodes"][0], "ip_address": "192.0.2.1", "ssh_port": 9}]

    answer = await (await api.admin()).post(
        "/api/v1/clusters/test-ssh", json={"nodes": body["nodes"], "ssh_config": body["ssh_config"]}
    )

    report = answer.json()
    assert answer.status_code == 200
    assert set(report) == {"success", "results"}
    assert report["success"] is False
    assert set(report["results"][0]) == {"node", "ip_address", "success", "message", "host_keys"}
    assert report["results"][0]["message"]


async def test_the_openapi_document_is_served_and_shown(api: Api) -> None:
    client = api.anonymous()

    document = (await client.get("/openapi.json")).json()

    assert document["openapi"].startswith("3.1")
    create = document["paths"]["/api/v1/clusters"]["post"]["requestBody"]["content"]["application/json"]
    assert "ClusterCreate" in create["schema"]["$ref"]
    for page in ("/docs", "/redoc"):
        assert (await client.get(page)).headers["content-type"].startswith("text/html")


async def test_measurements_name_routes_and_never_ids(api: Api) -> None:
    client, made = await created(api)
    await client.get(f"/api/v1/clusters/{made['cluster']['id']}")

    text = (await api.anonymous().get("/metrics")).text

    assert 'keelyard_jobs{status="queued"} 1.0' in text
    assert 'route="/api/v1/clusters/{cluster_id}"' in text
    assert made["cluster"]["id"] not in text


def test_lists_do_not_carry_secrets() -> None:
    fields = {field.name for field in msgspec.structs.fields(cluster_views.Summary)}

    assert not {name for name in fields if "encrypted" in name or "kubeconfig" in name}
