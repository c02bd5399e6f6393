"""Who may do what beside the table of `permission_table`: own things, and what the audit log keeps."""

from __future__ import annotations

from engine.domain.statuses import Role
from tests.contract.harness import Api, cluster_body

NOBODY = "550e8400-e29b-41d4-a716-446655440000"


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
