"""Templates: made, changed by new versions, and what new clusters take from them."""

from __future__ import annotations

import uuid
from typing import Any

import httpx

from engine.domain import catalogue
from engine.domain.statuses import Role
from tests.contract import harness
from tests.contract.harness import VERSION, Api, cluster_body

TEMPLATES = "/api/v1/templates"
TEMPLATE = {
    "id",
    "name",
    "description",
    "version",
    "topology",
    "components",
    "hardening",
    "created_at",
    "updated_at",
}
SMALL: dict[str, Any] = {
    "name": "small",
    "description": "One of each",
    "topology": {"ha": False, "control_plane_count": 1, "worker_count": 1},
    "components": {"kubernetes_version": VERSION, "cni": "bridge"},
}


async def make(client: httpx.AsyncClient, **changes: Any) -> dict[str, Any]:
    answer = await client.post(TEMPLATES, json=SMALL | changes)
    assert answer.status_code == 201, answer.text
    return answer.json()


def without(*members: str, **changes: Any) -> dict[str, Any]:
    """A request for a cluster that leaves members out."""
    body = cluster_body(provision_immediately=False, **changes)
    return {name: value for name, value in body.items() if name not in members}


async def test_a_template_is_made_shown_changed_and_deleted(api: Api) -> None:
    operator = await api.account(Role.OPERATOR)
    answer = await operator.post(TEMPLATES, json=SMALL)
    made = answer.json()

    assert answer.status_code == 201
    assert answer.headers["location"] == f"{TEMPLATES}/{made['id']}"
    assert set(made) == TEMPLATE
    assert made["version"] == 1
    assert made["topology"] == SMALL["topology"]
    assert made["components"] == {
        "kubernetes_version": VERSION,
        "cni": "bridge",
        "ingress": None,
        "runtime": None,
    }
    assert made["hardening"] == {
        "enable_cis_k8s_benchmark": None,
        "enable_cis_linux_benchmark": None,
        "level": None,
        "exceptions": None,
        "default_deny_network_policies": None,
    }

    changed = await operator.put(
        f"{TEMPLATES}/small", json={"name": "tiny", "components": {"cni": "flannel"}}
    )
    assert (changed.status_code, changed.json()["version"]) == (200, 2)
    assert (await operator.get(f"{TEMPLATES}/tiny")).json() == changed.json()
    first = await operator.get(f"{TEMPLATES}/{made['id']}", params={"version": 1})
    assert first.json() == made
    listed = (await operator.get(f"{TEMPLATES}/tiny/versions")).json()
    assert [(one["version"], one["name"]) for one in listed["data"]] == [(2, "tiny"), (1, "small")]
    assert (await operator.get(f"{TEMPLATES}/tiny", params={"version": 3})).status_code == 404
    assert (await operator.get(f"{TEMPLATES}/small")).status_code == 404

    deleted = await operator.delete(f"{TEMPLATES}/{made['id']}")
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert (await operator.get(f"{TEMPLATES}/{made['id']}", params={"version": 1})).status_code == 404
    actions = [
        (entry["action"], entry["resource_name"], entry["details"].get("version"))
        for entry in (await operator.get("/api/v1/audit-logs", params={"resource": "template"})).json()[
            "data"
        ]
    ]
    assert actions == [
        ("template:delete", "tiny", 2),
        ("template:update", "tiny", 2),
        ("template:create", "small", 1),
    ]


async def test_only_its_creator_or_an_administrator_deletes_a_template(api: Api) -> None:
    creator, other, admin = (
        await api.account(Role.OPERATOR),
        await api.account(Role.OPERATOR),
        await api.admin(),
    )
    await make(creator)
    await make(creator, name="second")

    assert (await other.delete(f"{TEMPLATES}/small")).status_code == 403
    assert (await creator.delete(f"{TEMPLATES}/small")).status_code == 204
    assert (await admin.delete(f"{TEMPLATES}/second")).status_code == 204


async def test_a_name_is_used_once_and_wrong_fields_are_named(api: Api) -> None:
    operator = await api.account(Role.OPERATOR)
    await make(operator)
    await make(operator, name="second")

    assert (await operator.post(TEMPLATES, json=SMALL)).status_code == 409
    assert (await operator.put(f"{TEMPLATES}/second", json=SMALL)).status_code == 409
    assert (await operator.get(f"{TEMPLATES}/second")).json()["version"] == 1
    wrong = await operator.post(
        TEMPLATES,
        json={
            "name": "No Name",
            "description": "\0",
            "topology": {"ha": False, "control_plane_count": 2, "worker_count": -1},
            "components": {"kubernetes_version": "1.28.3", "cni": "weave", "runtime": "docker"},
            "hardening": {"level": 0, "exceptions": [{"id": "linux-0", "reason": ""}]},
        },
    )
    assert (wrong.status_code, [one["field"] for one in wrong.json()["errors"]]) == (
        422,
        [
            "name",
            "description",
            "topology.control_plane_count",
            "topology.worker_count",
            "components.kubernetes_version",
            "components.cni",
            "components.runtime",
            "hardening.level",
            "hardening.exceptions.0.id",
            "hardening.exceptions.0.reason",
        ],
    )
    unknown = await operator.post(TEMPLATES, json={"name": "x", "nodes": [], "topology": {"nix": 1}})
    assert [one["field"] for one in unknown.json()["errors"]] == ["nodes", "topology.nix"]


async def test_a_cluster_takes_from_its_template_what_its_request_leaves_out(api: Api) -> None:
    operator = await api.account(Role.OPERATOR)
    made = await make(operator)
    await operator.put(f"{TEMPLATES}/small", json=SMALL | {"components": {"cni": "flannel"}})

    body = without("topology", "components", template_id=made["id"], template_version=1)
    answer = await operator.post("/api/v1/clusters", json=body)
    assert answer.status_code == 201, answer.text
    cluster = (await operator.get("/api/v1/clusters/yard-1")).json()
    assert cluster["topology"] == SMALL["topology"]
    assert cluster["components"] == {
        "kubernetes_version": VERSION,
        "cni": "bridge",
        "ingress": "none",
        "runtime": "containerd",
    }
    entries = await operator.get("/api/v1/audit-logs", params={"action": "cluster:create"})
    details = entries.json()["data"][0]["details"]
    assert (details["template"], details["template_version"]) == ("small", 1)

    # The request wins, member by member; without a version the latest is taken.
    other = {"network": "198.51.100", "template_id": made["id"]}
    body = without("topology", **other) | {"name": "yard-2", "components": {"runtime": "containerd"}}
    assert (await operator.post("/api/v1/clusters", json=body)).status_code == 201
    assert (await operator.get("/api/v1/clusters/yard-2")).json()["components"]["cni"] == "flannel"
    wins = without("topology", **(other | {"network": "203.0.113"}))
    wins |= {"name": "yard-3", "topology": {"worker_count": 2}}
    refused = await operator.post("/api/v1/clusters", json=wins)
    assert [one["field"] for one in refused.json()["errors"]] == ["topology.worker_count"]


async def test_what_neither_request_nor_template_says_comes_from_the_settings(database_url: str) -> None:
    newest = catalogue.supported()[-1]
    used = harness.settings(database_url, default_k8s_version=newest, default_cni="bridge")
    async with harness.serving(used) as api:
        operator = await api.account(Role.OPERATOR)

        made = await operator.post("/api/v1/clusters", json=without("components"))

        assert made.status_code == 201, made.text
        components = (await operator.get("/api/v1/clusters/yard-1")).json()["components"]
        assert components == {
            "kubernetes_version": newest,
            "cni": "bridge",
            "ingress": "none",
            "runtime": "containerd",
        }


async def test_a_template_that_is_not_there_is_refused(api: Api) -> None:
    admin = await api.admin()
    made = await make(admin)
    await admin.post("/api/v1/tenants", json={"name": "Acme", "email": "a@acme.example"})
    foreigner = await api.account(Role.OPERATOR, "f@example.local")
    await admin.post("/api/v1/tenants/acme/members", json={"email": "f@example.local"})

    async def refused(
        client: httpx.AsyncClient, headers: dict[str, str] | None = None, **said: Any
    ) -> list[str]:
        answer = await client.post("/api/v1/clusters", json=without("topology", **said), headers=headers)
        assert answer.status_code == 422, answer.text
        return [one["field"] for one in answer.json()["errors"]]

    assert await refused(admin, template_id=str(uuid.uuid4())) == ["template_id"]
    assert await refused(admin, template_id=made["id"], template_version=9) == ["template_version"]
    assert await refused(admin, template_version=1) == ["template_version"]
    assert await refused(foreigner, template_id=made["id"]) == ["template_id"]
    assert await refused(admin, {"X-Tenant-ID": "acme"}, template_id=made["id"]) == ["template_id"]
    assert await refused(admin) == ["topology"]
    assert (await foreigner.get(TEMPLATES)).json()["total"] == 0
    assert (await make(foreigner))["id"] != made["id"]
