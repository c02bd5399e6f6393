"""Every mutation that the OpenAPI document names is a deed: refused or done, it is in the audit log."""

from __future__ import annotations

import re
from typing import Any

import httpx

from engine.domain.statuses import Role
from tests.contract.harness import Api, cluster_body

NOBODY = "550e8400-e29b-41d4-a716-446655440000"
_READS = frozenset({"get", "head", "options"})
_SURFACES = ("/api/v1/", "/control-plane/")


def deeds(document: dict[str, Any]) -> list[tuple[str, str]]:
    """Method and path of everything that changes something."""
    return [
        (method.upper(), re.sub(r"{[^}]*}", NOBODY, path))
        for path, operations in document["paths"].items()
        for method in operations
        if method not in _READS and path.startswith(_SURFACES)
    ]


async def entry_of(admin: httpx.AsyncClient, correlation_id: str) -> dict[str, Any] | None:
    """The entry that a request left."""
    entries = (await admin.get("/api/v1/audit-logs", params={"page_size": 100})).json()["data"]
    return next((entry for entry in entries if entry["correlation_id"] == correlation_id), None)


async def test_every_refused_mutation_is_told_with_who_what_and_where(api: Api) -> None:
    admin, viewer = await api.admin(), await api.account(Role.VIEWER, "vera@example.local")
    document = (await admin.get("/openapi.json")).json()
    missing = []
    for client, actor in ((api.anonymous(), ""), (viewer, "vera@example.local")):
        for number, (method, path) in enumerate(deeds(document)):
            if actor and path.startswith("/api/v1/auth/"):
                continue  # a viewer may log in and out
            correlation = f"{method}-{number}-{actor[:4] or 'nobody'}"
            answer = await client.request(method, path, headers={"X-Request-ID": correlation})
            entry = await entry_of(admin, correlation)
            wanted = {"actor": actor, "address": "127.0.0.1", "status": "refused"}
            if (
                not 400 <= answer.status_code < 500
                or entry is None
                or {name: entry[name] for name in wanted} != wanted
                or entry["details"]["status_code"] != answer.status_code
            ):
                missing.append((method, path, actor, answer.status_code, entry))

    assert len(deeds(document)) > 20
    assert not missing


async def test_a_deleted_thing_keeps_its_name_in_the_log(api: Api) -> None:
    admin = await api.admin()
    made = (await admin.post("/api/v1/clusters", json=cluster_body(provision_immediately=False))).json()
    identity = made["cluster"]["id"]
    await admin.delete("/api/v1/clusters/yard-1", headers={"X-Request-ID": "deletion"})

    entry = await entry_of(admin, "deletion")

    assert entry is not None
    assert (entry["resource_type"], entry["resource_id"]) == ("cluster", identity)
    assert (entry["resource_name"], entry["status"]) == ("yard-1", "success")
