"""The catalogue tells forms what a create request would be told."""

from __future__ import annotations

from engine.domain.statuses import Role
from tests.contract import harness
from tests.contract.harness import Api


async def test_every_choice_is_taken_or_refused_in_the_catalogues_words(api: Api) -> None:
    admin = await api.admin()
    answer = await admin.get("/api/v1/catalogue")
    assert answer.status_code == 200
    fields = {one["field"]: one for one in answer.json()["fields"]}
    assert set(fields) == {
        "topology.ha",
        "components.kubernetes_version",
        "components.cni",
        "components.ingress",
        "components.runtime",
        "hardening.enable_cis_k8s_benchmark",
        "hardening.enable_cis_linux_benchmark",
        "hardening.level",
        "hardening.default_deny_network_policies",
        "nodes.os_type",
    }
    tried = 0
    for path, field in fields.items():
        part, _, member = path.partition(".")
        if part == "nodes":
            continue
        for choice in field["choices"]:
            tried += 1
            body = harness.cluster_body(f"c{tried}", network=f"192.0.{tried}")
            body[part] = body[part] | {member: choice["value"]}
            made = await admin.post("/api/v1/clusters", json=body)
            told = {one["field"]: one["message"] for one in made.json().get("errors", [])}
            assert told.get(path) == choice["refusal"], (path, choice, told)
            assert (made.status_code == 201) == (choice["refusal"] is None), made.text


async def test_defaults_are_the_servers_own(api: Api) -> None:
    viewer = await api.account(Role.VIEWER)
    fields = (await viewer.get("/api/v1/catalogue")).json()["fields"]
    defaults = {one["field"].removeprefix("components."): one["default"] for one in fields}
    body = harness.cluster_body()
    assert {name: defaults[name] for name in body["components"]} == body["components"]
