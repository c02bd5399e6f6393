"""POST /api/v1/clusters: what is written, and what is refused with its field named."""

from __future__ import annotations

import copy
from typing import Any

import asyncpg
import pytest

from tests.contract import harness
from tests.contract.harness import KEY, VERSION, Api, cluster_body

Path = tuple[str | int, ...]
MISSING = object()
ENCRYPTED = harness.private_key("opens-it")


def changed(path: Path, value: Any) -> dict[str, Any]:
    body = cluster_body()
    place: Any = body
    for step in path[:-1]:
        place = place[step]
    if value is MISSING:
        del place[path[-1]]
    else:
        place[path[-1]] = copy.deepcopy(value)
    return body


def dotted(path: Path) -> str:
    return ".".join(str(step) for step in path)


REQUIRED: list[Path] = [
    ("name",),
    ("topology",),
    ("topology", "ha"),
    ("topology", "control_plane_count"),
    ("topology", "worker_count"),
    ("components",),
    *(("components", name) for name in ("kubernetes_version", "cni", "ingress", "runtime")),
    ("nodes",),
    *(("nodes", 0, name) for name in ("name", "role", "ip_address", "os_type")),
    ("ssh_config",),
    ("ssh_config", "username"),
    ("ssh_config", "auth_method"),
    ("ssh_config", "private_key"),
]

WRONG: list[tuple[Path, Any]] = [
    # What is left out of components comes from a template or from the settings.
    *((path, MISSING) for path in REQUIRED if path[0] != "components"),
    *((path, 7.5) for path in REQUIRED),
    *(
        (("name",), name)
        for name in (
            "",
            "Upper",
            "under_score",
            "-edge",
            "edge-",
            "a" * 64,
            "two words",
            "dotted.name",
            "{{ 7*7 }}",
            "$(id)",
            "`id`",
            "line\nbreak",
            "a\n",
            "!unsafe x",
            "test-ssh",
            "create",
            "list",
            "550e8400-e29b-41d4-a716-446655440000",
        )
    ),
    (("description",), 3),
    (("description",), "bell\u0007"),
    (("description",), "nul\u0000"),
    (("description",), "x" * 1001),
    (("template_id",), "not-a-uuid"),
    (("template_id",), "550e8400-e29b-41d4-a716-446655440000"),
    (("topology", "ha"), "false"),
    (("topology", "ha"), True),
    (("topology", "control_plane_count"), 0),
    (("topology", "control_plane_count"), 3),
    (("topology", "control_plane_count"), "1"),
    (("topology", "worker_count"), -1),
    (("topology", "worker_count"), 5),
    (("components", "kubernetes_version"), "1.28.3"),
    (("components", "kubernetes_version"), f"v{VERSION}"),
    (("components", "cni"), "calico"),
    (("components", "cni"), "cilium"),
    (("components", "cni"), "weave"),
    (("components", "ingress"), "nginx"),
    (("components", "ingress"), "traefik"),
    (("components", "ingress"), "apache"),
    (("components", "runtime"), "docker"),
    (("nodes",), []),
    (("nodes",), {}),
    (("nodes", 1, "name"), "control-01"),
    (("nodes", 0, "name"), "Control"),
    (("nodes", 0, "name"), "{{ lookup('pipe', 'id') }}"),
    (("nodes", 0, "name"), "localhost"),
    (("nodes", 0, "role"), "master"),
    (("nodes", 0, "os_type"), "windows"),
    *(
        (("nodes", 1, "ip_address"), address)
        for address in (
            "",
            "node-01",
            "192.0.2.10",
            "192.0.2.256",
            "192.0.2.0/24",
            "127.0.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "169.254.1.1",
            "255.255.255.255",
            "::1",
            "2001:db8::1",
            "192.0.2.20\n",
        )
    ),
    (("nodes", 0, "ssh_port"), 0),
    (("nodes", 0, "ssh_port"), 65536),
    (("nodes", 0, "ssh_port"), "22"),
    (("nodes", 0, "host_key"), "not a key"),
    (("nodes", 0, "fingerprint"), "MD5:aa:bb"),
    *(
        (("ssh_config", "username"), name)
        for name in ("", "two words", "root;id", "-oProxyCommand=x", "a" * 33)
    ),
    (("ssh_config", "auth_method"), "kerberos"),
    (("ssh_config", "private_key"), None),
    (("ssh_config", "private_key"), ""),
    (("ssh_config", "private_key"), "not a key"),
    (("ssh_config", "private_key"), KEY[:120] + KEY[130:]),
    (("ssh_config", "password"), "two\nlines"),
    (("hardening",), []),
    (("hardening", "enable_cis_k8s_benchmark"), "no"),
    (("hardening", "level"), 3),
    (("hardening", "level"), True),
    (("hardening", "level"), "2"),
    (("hardening", "default_deny_network_policies"), True),
    (("hardening", "exceptions"), "linux-1.1.1.1"),
    (("networking",), {"pod_cidr": "10.0.0.0/8", "nix": 1}),
    (("provision_immediately",), "yes"),
    (("provision_immediately",), None),
    (("lab",), 1),
]

#: Body changes whose problem is told at another member than the one that was changed.
ELSEWHERE: list[tuple[dict[str, Any], str]] = [
    (cluster_body(nix=1), "nix"),
    (cluster_body(nodes=[{**cluster_body()["nodes"][0], "user": "x"}]), "nodes.0.user"),
    (cluster_body(ssh_config={**cluster_body()["ssh_config"], "port": 1}), "ssh_config.port"),
    (
        cluster_body(ssh_config={"username": "root", "auth_method": "private_key", "private_key": ENCRYPTED}),
        "ssh_config.passphrase",
    ),
    (
        cluster_body(
            ssh_config={
                "username": "root",
                "auth_method": "private_key",
                "private_key": ENCRYPTED,
                "passphrase": "does not open it",
            }
        ),
        "ssh_config.passphrase",
    ),
    (cluster_body(ssh_config={"username": "root", "auth_method": "password"}), "ssh_config.password"),
    (
        cluster_body(
            ssh_config={"username": "root", "auth_method": "password", "password": "x", "private_key": KEY}
        ),
        "ssh_config.private_key",
    ),
    (cluster_body(hardening={"exceptions": [{"id": "x", "reason": "y"}]}), "hardening.exceptions.0.id"),
    (cluster_body(hardening={"exceptions": [{"id": "x"}]}), "hardening.exceptions.0.reason"),
    (cluster_body(hardening={"exceptions": [{"id": "x", "reason": " "}]}), "hardening.exceptions.0.reason"),
    (
        cluster_body(hardening={"exceptions": [{"id": "x", "reason": "y", "until": 1}]}),
        "hardening.exceptions.0.until",
    ),
    (cluster_body(networking={"pod_cidr": "192.0.0.0/16"}), "networking.pod_cidr"),
    (cluster_body(networking={"pod_cidr": "10.96.0.0/16"}), "networking.service_cidr"),
    (cluster_body(networking={"service_cidr": "10.96.0.1/16"}), "networking.service_cidr"),
    (cluster_body(networking={"service_cidr": "fd00::/108"}), "networking.service_cidr"),
    (cluster_body(networking={"pod_cidr": "10.244.0.0/24"}), "networking.pod_cidr"),
    (cluster_body(networking={"dns_domain": "$(id)"}), "networking.dns_domain"),
]


async def counts(database_url: str) -> dict[str, int]:
    connection = await asyncpg.connect(database_url)
    try:
        return {
            table: await connection.fetchval(f'SELECT count(*) FROM "{table}"')
            for table in ("cluster", "node", "ssh_credential", "job", "phase", "procrastinate_jobs")
        }
    finally:
        await connection.close()


async def test_every_wrong_field_is_refused_by_name_and_nothing_is_written(api: Api) -> None:
    client = await api.admin()
    cases = [(changed(path, value), dotted(path)) for path, value in WRONG] + ELSEWHERE
    cases = [(body, "networking.nix" if field == "networking" else field) for body, field in cases]
    missed = []
    for body, field in cases:
        answer = await client.post("/api/v1/clusters", json=body)
        named = [error["field"] for error in answer.json().get("errors", [])]
        if answer.status_code != 422 or field not in named:
            missed.append((field, answer.status_code, answer.text))
        assert KEY not in answer.text

    assert not missed
    assert set((await counts(api.settings.database_url)).values()) == {0}


async def test_all_problems_are_told_at_once(api: Api) -> None:
    body = cluster_body(
        "{{ 7*7 }}",
        topology={"ha": True, "control_plane_count": 3, "worker_count": 2},
        components={"kubernetes_version": "1.28.3", "cni": "calico", "ingress": "nginx", "runtime": "docker"},
    )

    answer = await (await api.admin()).post("/api/v1/clusters", json=body)

    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert set(problem) == {"type", "title", "status", "detail", "correlation_id", "errors"}
    assert [error["field"] for error in problem["errors"]] == [
        "name",
        "topology.ha",
        "topology.control_plane_count",
        "topology.worker_count",
        "components.kubernetes_version",
        "components.cni",
        "components.ingress",
        "components.runtime",
    ]
    messages = {error["field"]: error["message"] for error in problem["errors"]}
    assert VERSION in messages["components.kubernetes_version"]
    assert "not available in this version" in messages["components.cni"]
    assert messages["topology.worker_count"] == "is 2, but nodes lists 1 with role worker"


async def test_a_right_request_writes_everything_in_one_go(api: Api) -> None:
    answer = await (await api.admin()).post("/api/v1/clusters", json=cluster_body())

    created = answer.json()
    assert answer.status_code == 201
    assert set(created) == {"cluster", "job"}
    assert set(created["cluster"]) == {"id", "name", "status", "created_at"}
    assert set(created["job"]) == {"id", "type", "status", "created_at"}
    assert (created["cluster"]["status"], created["job"]["type"], created["job"]["status"]) == (
        "pending",
        "provision",
        "queued",
    )
    assert answer.headers["location"] == f"/api/v1/clusters/{created['cluster']['id']}"
    written = await counts(api.settings.database_url)
    assert written["phase"] > 5
    assert {name: number for name, number in written.items() if name != "phase"} == {
        "cluster": 1,
        "node": 2,
        "ssh_credential": 1,
        "job": 1,
        "procrastinate_jobs": 1,
    }


async def test_what_the_document_calls_optional_may_be_left_out(api: Api) -> None:
    body = cluster_body()
    for name in ("description", "hardening", "provision_immediately"):
        del body[name]
    for node in body["nodes"]:
        del node["ssh_port"]
    body["ssh_config"] = {"username": "root", "auth_method": "private_key", "private_key": KEY}

    assert (await (await api.admin()).post("/api/v1/clusters", json=body)).status_code == 201


async def test_without_provisioning_there_is_no_job(api: Api) -> None:
    answer = await (await api.admin()).post(
        "/api/v1/clusters", json=cluster_body(provision_immediately=False)
    )

    assert answer.status_code == 201
    assert answer.json()["job"] is None
    assert (await counts(api.settings.database_url))["procrastinate_jobs"] == 0


@pytest.mark.parametrize("network", ["192.0.2", "198.51.100"])
async def test_the_same_name_twice_is_a_conflict(api: Api, network: str) -> None:
    client = await api.admin()
    await client.post("/api/v1/clusters", json=cluster_body())

    again = await client.post("/api/v1/clusters", json=cluster_body(network=network))

    assert again.status_code == 409
    assert (await counts(api.settings.database_url))["cluster"] == 1


async def test_a_node_of_another_cluster_is_refused(api: Api) -> None:
    client = await api.admin()
    await client.post("/api/v1/clusters", json=cluster_body())

    other = await client.post("/api/v1/clusters", json=cluster_body("yard-2"))

    assert other.status_code == 422
    assert [error["field"] for error in other.json()["errors"]] == [
        "nodes.0.ip_address",
        "nodes.1.ip_address",
    ]


async def test_text_in_a_description_stays_text(api: Api) -> None:
    client = await api.admin()
    text = "{{ 7*7 }} $(id) `id` !unsafe\n<script>"

    await client.post("/api/v1/clusters", json=cluster_body(description=text))

    assert (await client.get("/api/v1/clusters/yard-1")).json()["description"] == text
