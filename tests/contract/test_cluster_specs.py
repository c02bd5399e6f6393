"""The recorded spec of a cluster: whole, without secrets, and good as a spec file."""

from __future__ import annotations

from pathlib import Path

import yaml

from engine.domain.statuses import Role
from engine.execution import spec_file
from tests.contract.harness import CANARY, KEY, Api, cluster_body


async def test_a_spec_is_what_was_asked_for_without_what_logs_in(api: Api, tmp_path: Path) -> None:
    admin = await api.admin()
    asked = cluster_body(
        provision_immediately=False,
        networking={"pod_cidr": "10.9.0.0/16", "service_cidr": "10.10.0.0/16", "dns_domain": "yard.local"},
    )
    asked["hardening"] = {
        "enable_cis_k8s_benchmark": False,
        "enable_cis_linux_benchmark": True,
        "level": 1,
        "exceptions": [],
        "default_deny_network_policies": False,
    }
    asked["ssh_config"]["password"] = CANARY
    made = (await admin.post("/api/v1/clusters", json=asked)).json()
    viewer = await api.account(Role.VIEWER)

    answer = await viewer.get("/api/v1/clusters/yard-1/spec")

    assert answer.status_code == 200
    assert CANARY not in answer.text
    assert KEY.splitlines()[1] not in answer.text
    spec = answer.json()
    parts = ("name", "description", "topology", "components", "hardening", "networking")
    assert {part: spec[part] for part in parts} == {part: asked[part] for part in parts}
    assert spec["id"] == made["cluster"]["id"]
    assert spec["ssh_config"] == {"username": "root", "auth_method": "private_key"}
    assert spec["nodes"] == [{**node, "machine_id": "", "host_keys": []} for node in asked["nodes"]]
    (tmp_path / "spec.yml").write_text(yaml.safe_dump(spec))
    assert spec_file.load(tmp_path / "spec.yml").spec().name == "yard-1"


async def test_the_spec_of_a_deleted_cluster_stays_without_its_login(api: Api) -> None:
    admin = await api.admin()
    made = (await admin.post("/api/v1/clusters", json=cluster_body(provision_immediately=False))).json()
    await admin.delete("/api/v1/clusters/yard-1")

    by_id = await admin.get(f"/api/v1/clusters/{made['cluster']['id']}/spec")
    by_name = await admin.get("/api/v1/clusters/yard-1/spec")

    assert by_id.json()["ssh_config"] is None
    assert by_id.json()["nodes"]
    assert by_name.status_code == 404
