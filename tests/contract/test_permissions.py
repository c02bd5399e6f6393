"""Who may do what: one table, asked over HTTP."""

from __future__ import annotations

from typing import Any

import httpx

from engine.domain.statuses import JobStatus, Role
from tests.contract.harness import Api, Run, cluster_body

NOBODY = "550e8400-e29b-41d4-a716-446655440000"

#: Method, path, body; and the statuses for nobody, viewer, operator and admin.
MATRIX: list[tuple[str, str, Any, tuple[int, int, int, int]]] = [
    ("GET", "/", None, (200, 200, 200, 200)),
    ("GET", "/health", None, (200, 200, 200, 200)),
    ("GET", "/api/v1/auth/me", None, (401, 200, 200, 200)),
    ("GET", "/api/v1/clusters", None, (401, 200, 200, 200)),
    ("GET", "/api/v1/clusters/yard-1", None, (401, 200, 200, 200)),
    ("GET", "/api/v1/clusters/yard-1/nodes", None, (401, 200, 200, 200)),
    ("GET", "/api/v1/clusters/yard-1/kubeconfig", None, (401, 403, 200, 200)),
    ("GET", "/api/v1/clusters/yard-1/plans", None, (401, 200, 200, 200)),
    ("GET", f"/api/v1/jobs/{NOBODY}/plan", None, (401, 404, 404, 404)),
    ("GET", "/api/v1/jobs", None, (401, 200, 200, 200)),
    ("GET", "/api/v1/jobs/{job}", None, (401, 200, 200, 200)),
    ("GET", "/api/v1/jobs/{job}/events", None, (401, 200, 200, 200)),
    ("GET", "/api/v1/jobs/{job}/hosts", None, (401, 200, 200, 200)),
    ("GET", "/api/v1/jobs/{job}/tasks", None, (401, 200, 200, 200)),
    ("GET", "/api/v1/jobs/{job}/log", None, (401, 200, 200, 200)),
    ("GET", "/api/v1/audit-logs", None, (401, 403, 200, 200)),
    ("GET", "/api/v1/audit-logs/head", None, (401, 403, 200, 200)),
    ("GET", "/api/v1/service-tokens", None, (401, 403, 403, 200)),
    ("GET", "/api/v1/service-tokens/nix", None, (401, 403, 403, 404)),
    ("POST", "/api/v1/service-tokens", {}, (401, 403, 403, 422)),
    ("DELETE", "/api/v1/service-tokens/nix", None, (401, 403, 403, 404)),
    ("GET", "/api/v1/schedules", None, (401, 200, 200, 200)),
    ("GET", f"/api/v1/schedules/{NOBODY}", None, (401, 404, 404, 404)),
    ("GET", f"/api/v1/schedules/{NOBODY}/runs", None, (401, 404, 404, 404)),
    ("GET", "/api/v1/users", None, (401, 403, 403, 200)),
    ("GET", f"/api/v1/users/{NOBODY}", None, (401, 403, 403, 404)),
    ("GET", "/api/v1/workers", None, (401, 200, 200, 200)),
    ("GET", "/api/v1/workers/nix", None, (401, 404, 404, 404)),
    # What follows passes the permission and stops at the next check, so that it can be asked by everybody.
    ("POST", "/api/v1/clusters", {}, (401, 403, 422, 422)),
    ("POST", "/api/v1/clusters/test-ssh", {}, (401, 403, 422, 422)),
    ("POST", "/api/v1/clusters/nix/provision", None, (401, 403, 404, 404)),
    ("POST", "/api/v1/clusters/nix/plan", None, (401, 403, 404, 404)),
    ("POST", "/api/v1/clusters/nix/verify", None, (401, 403, 404, 404)),
    ("DELETE", "/api/v1/clusters/nix", None, (401, 403, 404, 404)),
    ("DELETE", "/api/v1/clusters/yard-1", None, (401, 403, 403, 202)),
    ("POST", "/api/v1/workers/nix/drain", None, (401, 403, 404, 404)),
    ("POST", "/api/v1/workers/nix/resume", None, (401, 403, 404, 404)),
    ("DELETE", "/api/v1/workers/nix", None, (401, 403, 404, 404)),
    ("POST", "/api/v1/users", {}, (401, 403, 403, 422)),
    ("PUT", f"/api/v1/users/{NOBODY}", {}, (401, 403, 403, 404)),
    ("DELETE", f"/api/v1/users/{NOBODY}", None, (401, 403, 403, 404)),
    ("POST", f"/api/v1/jobs/{NOBODY}/cancel", None, (401, 403, 404, 404)),
    ("POST", f"/api/v1/jobs/{NOBODY}/retry", None, (401, 403, 404, 404)),
    ("GET", "/api/v1/notification-channels", None, (401, 403, 200, 200)),
    ("GET", f"/api/v1/notification-channels/{NOBODY}", None, (401, 403, 404, 404)),
    ("GET", f"/api/v1/notification-channels/{NOBODY}/deliveries", None, (401, 403, 404, 404)),
    ("GET", f"/api/v1/notification-channels/{NOBODY}/deliveries/{NOBODY}", None, (401, 403, 404, 404)),
    ("POST", "/api/v1/notification-channels", {}, (401, 403, 422, 422)),
    ("PUT", f"/api/v1/notification-channels/{NOBODY}", {}, (401, 403, 422, 422)),
    ("PATCH", f"/api/v1/notification-channels/{NOBODY}", {"enabled": True}, (401, 403, 404, 404)),
    ("DELETE", f"/api/v1/notification-channels/{NOBODY}", None, (401, 403, 404, 404)),
    ("POST", f"/api/v1/notification-channels/{NOBODY}/test", None, (401, 403, 404, 404)),
    ("POST", f"/api/v1/notification-channels/{NOBODY}/rotate-secret", None, (401, 403, 404, 404)),
    (
        "POST",
        f"/api/v1/notification-channels/{NOBODY}/deliveries/{NOBODY}/redeliver",
        None,
        (401, 403, 404, 404),
    ),
    ("POST", "/api/v1/schedules", {}, (401, 403, 422, 422)),
    ("PUT", f"/api/v1/schedules/{NOBODY}", {}, (401, 403, 422, 422)),
    ("PATCH", f"/api/v1/schedules/{NOBODY}", {"enabled": True}, (401, 403, 404, 404)),
    ("DELETE", f"/api/v1/schedules/{NOBODY}", None, (401, 403, 404, 404)),
    ("POST", f"/api/v1/schedules/{NOBODY}/run", None, (401, 403, 404, 404)),
]


async def test_the_matrix_of_roles(api: Api) -> None:
    admin = await api.admin()
    made = (await admin.post("/api/v1/clusters", json=cluster_body())).json()
    run = Run(made["job"]["id"], api.cipher)
    await run.claim()
    await run.finish(JobStatus.SUCCESS, kubeconfig="apiVersion: v1\n")
    clients: list[httpx.AsyncClient] = [
        api.anonymous(),
        await api.account(Role.VIEWER),
        await api.account(Role.OPERATOR),
        admin,
    ]

    wrong = []
    for method, path, body, expected in MATRIX:
        place = path.format(job=made["job"]["id"])
        got = tuple([(await client.request(method, place, json=body)).status_code for client in clients])
        if got != expected:
            wrong.append((method, path, got, expected))

    assert not wrong


async def test_an_operator_deletes_what_it_created(api: Api) -> None:
    operator, other = await api.account(Role.OPERATOR), await api.account(Role.OPERATOR)
    await operator.post("/api/v1/clusters", json=cluster_body(provision_immediately=False))

    assert (await other.delete("/api/v1/clusters/yard-1")).status_code == 403
    assert (await operator.delete("/api/v1/clusters/yard-1")).status_code == 202


async def test_every_refused_deed_is_in_the_audit_log(api: Api) -> None:
    admin = await api.admin()
    viewer = await api.account(Role.VIEWER, "vera@example.local")
    await viewer.post("/api/v1/clusters", json=cluster_body())
    await viewer.delete("/api/v1/clusters/nix")
    await viewer.post("/api/v1/clusters/nix/provision")
    await viewer.post(f"/api/v1/jobs/{NOBODY}/cancel")
    await viewer.get("/api/v1/clusters/nix/kubeconfig")
    await api.anonymous().post("/api/v1/auth/login", data={"username": "eve@example.local", "password": "x"})

    entries = (await admin.get("/api/v1/audit-logs", params={"status": "refused"})).json()["data"]

    assert [(entry["actor"], entry["action"], entry["details"]["status_code"]) for entry in entries] == [
        ("eve@example.local", "session:login", 401),
        ("vera@example.local", "cluster:kubeconfig", 403),
        ("vera@example.local", "job:cancel", 403),
        ("vera@example.local", "cluster:provision", 403),
        ("vera@example.local", "cluster:delete", 403),
        ("vera@example.local", "cluster:create", 403),
    ]
    assert all(entry["address"] == "127.0.0.1" for entry in entries)


async def test_a_disabled_account_loses_its_access(api: Api) -> None:
    from engine.services import sessions
    from engine.services.identity import Caller

    client = await api.account(Role.OPERATOR, "olga@example.local")
    olga = await api.users.find("olga@example.local")
    await api.users.set_enabled(olga.id, Caller(), enabled=False)

    # No request was made with this token yet, so that no earlier answer is remembered.
    assert sessions.MEMORY_SECONDS <= 5
    assert (await client.get("/api/v1/clusters")).status_code == 401
