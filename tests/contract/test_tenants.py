"""Tenants keep apart what is theirs: whatever another tenant has is not there."""

from __future__ import annotations

import uuid
from typing import Any

import httpx

from engine.domain.statuses import JobStatus, Role
from tests.contract.harness import Api, Run, cluster_body, sse

TENANTS = "/api/v1/tenants"
TENANT = {"id", "slug", "name", "email", "contact_info", "status", "created_at", "updated_at"}
ACME = {"name": "Acme Corporation", "email": "Contact@Acme.example"}


async def make(admin: httpx.AsyncClient, **changes: Any) -> dict[str, Any]:
    answer = await admin.post(TENANTS, json=ACME | changes)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def member(api: Api, admin: httpx.AsyncClient, tenant: str, role: Role = Role.OPERATOR) -> Any:
    """A client of a new account that belongs to a tenant."""
    email = f"{role.value}-{uuid.uuid4().hex[:6]}@example.local"
    client = await api.account(role, email)
    answer = await admin.post(f"{TENANTS}/{tenant}/members", json={"email": email})
    assert answer.status_code == 201, answer.text
    return client


def fields(answer: httpx.Response) -> list[str]:
    return [problem["field"] for problem in answer.json()["errors"]]


async def test_a_tenant_is_registered_shown_changed_and_deleted(api: Api) -> None:
    admin = await api.admin()
    answer = await admin.post(TENANTS, json=ACME | {"contact_info": {"phone": "+1-555"}})
    made = answer.json()

    assert answer.status_code == 201
    assert answer.headers["location"] == f"{TENANTS}/{made['id']}"
    assert set(made) == TENANT
    assert (made["slug"], made["email"], made["status"]) == (
        "acme-corporation",
        "contact@acme.example",
        "pending",
    )
    assert made["contact_info"] == {"phone": "+1-555", "address": None, "company": None}
    assert (await admin.get(f"{TENANTS}/acme-corporation")).json() == made
    assert [tenant["slug"] for tenant in (await admin.get(TENANTS)).json()["data"]] == [
        "acme-corporation",
        "default",
    ]

    changed = await admin.put(f"{TENANTS}/{made['id']}", json={"status": "active", "slug": "acme"})
    assert (changed.status_code, changed.json()["slug"], changed.json()["status"]) == (200, "acme", "active")
    assert changed.json()["contact_info"] == made["contact_info"]
    deleted = await admin.delete(f"{TENANTS}/acme")
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert (await admin.get(f"{TENANTS}/{made['id']}")).status_code == 404
    assert (await make(admin))["slug"] == "acme-corporation"


async def test_names_and_slugs_are_unique_and_a_made_up_slug_finds_a_free_one(api: Api) -> None:
    admin = await api.admin()
    await make(admin)

    assert (await make(admin, name="Acme, Corporation!"))["slug"] == "acme-corporation-2"
    assert (await make(admin, name="Ünïversität 1"))["slug"] == "universitat-1"
    same_name = await admin.post(TENANTS, json=ACME | {"name": "ACME corporation"})
    same_slug = await admin.post(TENANTS, json=ACME | {"name": "Other", "slug": "acme-corporation"})
    assert (same_name.status_code, same_slug.status_code) == (409, 409)
    wrong = await admin.post(TENANTS, json={"name": "", "email": "nobody", "slug": "No Slug"})
    assert (wrong.status_code, fields(wrong)) == (422, ["name", "email", "slug"])


async def test_a_tenant_that_is_not_empty_stays_and_so_does_the_default_one(api: Api) -> None:
    admin = await api.admin()
    await make(admin, slug="acme")
    operator = await member(api, admin, "acme")
    await operator.post("/api/v1/clusters", json=cluster_body())

    refused = await admin.delete(f"{TENANTS}/acme")
    assert refused.status_code == 409
    assert "1 clusters, 1 members" in refused.json()["detail"]
    assert (await admin.delete(f"{TENANTS}/default")).status_code == 409
    assert (await admin.put(f"{TENANTS}/default", json={"slug": "house"})).status_code == 409
    assert (await admin.put(f"{TENANTS}/default", json={"name": "House"})).json()["name"] == "House"


async def test_members_are_added_listed_and_removed_by_administrators(api: Api) -> None:
    admin = await api.admin()
    await make(admin, slug="acme")
    vera = await api.account(Role.VIEWER, "vera@example.local")
    user_id = (await vera.get("/api/v1/auth/me")).json()["id"]
    members = f"{TENANTS}/acme/members"

    assert (await vera.get(members)).status_code == 404
    added = await admin.post(members, json={"user_id": user_id})
    assert added.status_code == 201
    assert added.headers["location"].endswith(f"/members/{user_id}")
    assert (added.json()["user_id"], added.json()["email"]) == (user_id, "vera@example.local")
    assert (await admin.post(members, json={"email": "vera@example.local"})).status_code == 409
    assert (await admin.put(f"{members}/{user_id}")).status_code == 200
    assert [one["email"] for one in (await vera.get(members)).json()["data"]] == ["vera@example.local"]
    assert [tenant["slug"] for tenant in (await vera.get(TENANTS)).json()["data"]] == ["acme"]
    assert (await admin.post(members, json={"email": "nobody@example.local"})).status_code == 422
    assert (await admin.post(members, json={})).status_code == 422
    assert (await admin.put(f"{members}/{uuid.uuid4()}")).status_code == 404
    assert (await admin.delete(f"{members}/{user_id}")).status_code == 204
    assert (await admin.delete(f"{members}/{user_id}")).status_code == 404

    # Whoever was put somewhere does not fall back into the default tenant.
    assert (await vera.get(TENANTS)).json()["data"] == []
    assert (await vera.get("/api/v1/clusters")).json()["total"] == 0


async def test_a_new_account_belongs_to_the_default_tenant(api: Api) -> None:
    admin = await api.admin()
    viewer = await api.account(Role.VIEWER)
    await admin.post("/api/v1/clusters", json=cluster_body(provision_immediately=False))

    assert [tenant["slug"] for tenant in (await viewer.get(TENANTS)).json()["data"]] == ["default"]
    assert (await viewer.get("/api/v1/clusters/yard-1")).status_code == 200


async def test_nothing_of_another_tenant_is_there(api: Api) -> None:
    admin = await api.admin()
    await make(admin, slug="acme")
    insider, outsider = await member(api, admin, "acme"), await api.account(Role.OPERATOR)
    made = (await insider.post("/api/v1/clusters", json=cluster_body())).json()
    job, cluster = made["job"]["id"], made["cluster"]["id"]
    run = Run(job, api.cipher)
    await run.claim()
    await run.tell_many(3)
    await run.finish(JobStatus.SUCCESS, kubeconfig="apiVersion: v1\n")
    schedule = {"name": "nightly", "cluster_id": cluster, "job_type": "verify", "cron": "0 3 * * *"}
    schedule_id = (await insider.post("/api/v1/schedules", json=schedule)).json()["id"]
    channel = {"name": "hook", "kind": "webhook", "url": "https://hooks.example.com/1"}
    channel_id = (await insider.post("/api/v1/notification-channels", json=channel)).json()["id"]
    test = (await insider.post(f"/api/v1/notification-channels/{channel_id}/test")).json()

    paths = [
        f"/api/v1/clusters/{cluster}",
        "/api/v1/clusters/yard-1",
        f"/api/v1/clusters/{cluster}/nodes",
        f"/api/v1/clusters/{cluster}/plans",
        f"/api/v1/clusters/{cluster}/kubeconfig",
        f"/api/v1/jobs/{job}",
        f"/api/v1/jobs/{job}/events",
        f"/api/v1/jobs/{job}/log",
        f"/api/v1/jobs/{job}/hosts",
        f"/api/v1/jobs/{job}/tasks",
        f"/api/v1/jobs?cluster_id={cluster}",
        f"/api/v1/schedules/{schedule_id}",
        f"/api/v1/schedules/{schedule_id}/runs",
        f"/api/v1/notification-channels/{channel_id}",
        f"/api/v1/notification-channels/{channel_id}/deliveries",
        f"/api/v1/notification-channels/{channel_id}/deliveries/{test['delivery_id']}",
        f"{TENANTS}/acme",
        f"{TENANTS}/acme/members",
    ]
    clients = (insider, outsider)
    seen = {path: tuple([(await client.get(path)).status_code for client in clients]) for path in paths}
    assert seen == dict.fromkeys(paths, (200, 404))

    stream = {"Accept": "text/event-stream"}
    assert (await outsider.get(f"/api/v1/jobs/{job}/events", headers=stream)).status_code == 404
    async with insider.stream("GET", f"/api/v1/jobs/{job}/events", headers=stream) as response:
        assert "end" in [frame.get("event") async for frame in sse(response)]

    lists = ("clusters", "jobs", "schedules", "notification-channels")
    totals = {
        name: [(await client.get(f"/api/v1/{name}")).json()["total"] for client in (insider, outsider, admin)]
        for name in lists
    }
    assert set(map(tuple, totals.values())) == {(1, 0, 1)}

    for method, path in [
        ("POST", f"/api/v1/clusters/{cluster}/provision"),
        ("DELETE", f"/api/v1/clusters/{cluster}"),
        ("POST", f"/api/v1/jobs/{job}/cancel"),
        ("POST", f"/api/v1/jobs/{job}/retry"),
        ("POST", f"/api/v1/schedules/{schedule_id}/run"),
        ("DELETE", f"/api/v1/schedules/{schedule_id}"),
        ("DELETE", f"/api/v1/notification-channels/{channel_id}"),
    ]:
        assert (await outsider.request(method, path)).status_code == 404, path


async def test_what_refers_to_another_tenants_thing_is_refused(api: Api) -> None:
    admin = await api.admin()
    await make(admin, slug="acme")
    insider, outsider = await member(api, admin, "acme"), await api.account(Role.OPERATOR)
    made = await insider.post("/api/v1/clusters", json=cluster_body(provision_immediately=False))
    cluster = made.json()["cluster"]["id"]
    schedule = {"name": "nightly", "cluster_id": cluster, "job_type": "verify", "cron": "0 3 * * *"}
    channel = {
        "name": "hook",
        "kind": "webhook",
        "url": "https://hooks.example.com/1",
        "events": {"clusters": [cluster]},
    }

    refused = await outsider.post("/api/v1/schedules", json=schedule)
    assert (refused.status_code, fields(refused)) == (422, ["cluster_id"])
    for client in (outsider, admin):  # the administrator's channel would be one of the default tenant
        refused = await client.post("/api/v1/notification-channels", json=channel)
        assert (refused.status_code, fields(refused)) == (422, ["events.clusters.0"])
    taken = await outsider.post("/api/v1/clusters", json=cluster_body("yard-2"))
    assert (taken.status_code, fields(taken)) == (422, ["nodes.0.ip_address", "nodes.1.ip_address"])
    assert "yard-1" not in taken.text
    assert "control-01" not in taken.text


async def test_names_are_unique_in_a_tenant_only(api: Api) -> None:
    admin = await api.admin()
    await make(admin, slug="acme")
    insider, outsider = await member(api, admin, "acme"), await api.account(Role.OPERATOR)
    bodies = [cluster_body(provision_immediately=False, network=net) for net in ("192.0.2", "198.51.100")]
    theirs = (await insider.post("/api/v1/clusters", json=bodies[0])).json()["cluster"]["id"]
    ours = (await outsider.post("/api/v1/clusters", json=bodies[1])).json()["cluster"]["id"]

    assert (await insider.get("/api/v1/clusters/yard-1")).json()["id"] == theirs
    assert (await outsider.get("/api/v1/clusters/yard-1")).json()["id"] == ours
    assert (await admin.get("/api/v1/clusters/yard-1")).json()["id"] == ours
    in_acme = await admin.get("/api/v1/clusters/yard-1", headers={"X-Tenant-ID": "acme"})
    assert in_acme.json()["id"] == theirs
    again = cluster_body(network="203.0.113")
    assert (await insider.post("/api/v1/clusters", json=again)).status_code == 409


async def test_the_header_chooses_the_tenant(api: Api) -> None:
    admin = await api.admin()
    acme, other = await make(admin, slug="acme"), await make(admin, name="Other", slug="other")
    both = await member(api, admin, "acme")
    user_id = (await both.get("/api/v1/auth/me")).json()["id"]
    await admin.put(f"{TENANTS}/other/members/{user_id}")
    body = cluster_body(provision_immediately=False)

    unnamed = await both.post("/api/v1/clusters", json=body)
    assert (unnamed.status_code, fields(unnamed)) == (422, ["X-Tenant-ID"])
    made = await both.post("/api/v1/clusters", json=body, headers={"X-Tenant-ID": other["id"]})
    assert made.status_code == 201

    async def total(client: httpx.AsyncClient, tenant: str) -> tuple[int, int | None]:
        answer = await client.get("/api/v1/clusters", headers={"X-Tenant-ID": tenant} if tenant else {})
        return answer.status_code, answer.json().get("total")

    for client, empty in ((both, acme["id"]), (admin, "default")):
        totals = [await total(client, tenant) for tenant in ("", "other", empty)]
        assert totals == [(200, 1), (200, 1), (200, 0)]
    for tenant in ("default", "nix", str(uuid.uuid4()), "no slug", "*"):
        assert await total(both, tenant) == (404, None)
    outsider = await api.account(Role.OPERATOR)
    assert await total(outsider, "acme") == (404, None)


async def test_the_audit_log_is_kept_apart_too(api: Api) -> None:
    admin = await api.admin()
    await make(admin, slug="acme")
    insider, outsider = await member(api, admin, "acme"), await api.account(Role.OPERATOR, "o@example.local")
    made = (await insider.post("/api/v1/clusters", json=cluster_body())).json()
    await insider.get("/api/v1/clusters/nix/kubeconfig")
    await outsider.delete(f"/api/v1/clusters/{made['cluster']['id']}")
    await admin.post(f"/api/v1/jobs/{made['job']['id']}/cancel")

    async def actions(client: httpx.AsyncClient, actor: str = "") -> list[str]:
        entries = (await client.get("/api/v1/audit-logs", params={"page_size": 100})).json()["data"]
        return [entry["action"] for entry in entries if actor in entry["actor"]]

    assert await actions(insider) == [
        "job:cancel",
        "cluster:kubeconfig",
        "cluster:create",
        "tenant:add-member",
        "tenant:register",
    ]
    assert "cluster:create" not in await actions(outsider)
    assert (await actions(outsider, "o@example.local"))[0] == "cluster:delete"
    everything = await actions(admin)
    assert {"cluster:create", "cluster:delete", "job:cancel"} <= set(everything)
    export = await insider.get("/api/v1/audit-logs", headers={"Accept": "application/jsonl"})
    assert export.status_code == 200
    assert "o@example.local" not in export.text


async def test_a_worker_shows_its_whole_load_but_only_the_callers_jobs(api: Api) -> None:
    admin = await api.admin()
    await make(admin, slug="acme")
    insider, outsider = await member(api, admin, "acme"), await api.account(Role.OPERATOR)
    made = (await insider.post("/api/v1/clusters", json=cluster_body())).json()
    from engine.store import records, workers

    await workers.register(
        records.Worker(name="test-worker", hostname="host", version="1", forks=10, memory_mb=4000)
    )
    await Run(made["job"]["id"], api.cipher).claim()

    inside, outside = [
        (await client.get("/api/v1/workers/test-worker")).json() for client in (insider, outsider)
    ]

    assert inside["jobs"] == [made["job"]["id"]]
    assert outside["jobs"] == []
    assert outside["forks_used"] == inside["forks_used"] > 0
    assert outside["memory_mb_used"] == inside["memory_mb_used"] > 0
