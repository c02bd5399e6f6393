"""`keelyard apply`: what is written down becomes what is there, once."""

from __future__ import annotations

import asyncio
import json
import uuid
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from engine.domain import plans
from engine.domain.plans import Certainty, Diff, Document, HostPlan, Item
from engine.domain.statuses import JobStatus
from engine.execution import spec_file
from engine.store import clusters
from tests.command_line.conftest import CommandLine, cluster_file, refused, succeeded
from tests.contract import harness

OTHERS = """
kind: Tenant
slug: shop
name: The shop
email: shop@example.com
---
kind: Schedule
name: nightly
cluster_id: yard-1
job_type: verify
cron: 0 4 * * *
---
kind: Channel
name: hook
url: https://hooks.example.com/key-1
events: {clusters: [yard-1], statuses: [failed]}
---
kind: Template
name: small
topology: {worker_count: 1}
"""


async def planned(server: harness.Api, admin: httpx.AsyncClient, hosts: dict[str, HostPlan]) -> None:
    """Plays the worker that a plan job waits for."""
    async with asyncio.timeout(60):
        asked = {"type": "plan", "status_filter": "queued"}
        while not (found := (await admin.get("/api/v1/jobs", params=asked)).json()["data"]):  # noqa: ASYNC110
            await asyncio.sleep(0.05)  # it is asked for in another thread
    run = harness.Run(found[0]["id"], server.cipher)
    try:
        cluster = await clusters.get(uuid.UUID(found[0]["cluster_id"]))
        assert cluster is not None
        document = Document(spec_hash=plans.spec_hash(await clusters.spec(cluster)), hosts=hosts)
        await run.claim()
        await run.finish(JobStatus.SUCCESS, plan=document)
    except BaseException:
        await admin.post(f"/api/v1/jobs/{found[0]['id']}/cancel")  # so that nobody waits for it for ever
        raise


async def test_a_cluster_is_made_once_then_planned_then_left_alone(
    server: harness.Api, signed_in: CommandLine, home: Path
) -> None:
    admin = await server.admin()
    file = cluster_file(home)
    look = await signed_in.on_server("apply", "-f", str(file), "--dry-run")
    assert look.exit_code == 2
    assert look.stdout == "+ cluster yard-1: 2 nodes (control-01, worker-01)\n"
    assert (await admin.get("/api/v1/clusters")).json()["total"] == 0

    made = await signed_in.on_server("apply", "-f", str(file), "--yes")
    assert "cluster yard-1 created" in succeeded(made)
    assert harness.KEY.splitlines()[1] not in made.output
    [job] = (await admin.get("/api/v1/jobs")).json()["data"]
    run = harness.Run(job["id"], server.cipher)
    await run.claim()
    await run.finish(JobStatus.SUCCESS)

    change = Item(
        phase="containerd",
        task="Configure containerd",
        what="/etc/containerd/config.toml",
        certainty=Certainty.EXACT,
        diffs=(Diff(title="/etc/containerd/config.toml", before="a\n", after="b\n"),),
    )
    drifted = {"control-01": HostPlan(items=(change,)), "worker-01": HostPlan()}
    again = asyncio.create_task(signed_in.on_server("apply", "-f", str(file), "--yes"))
    await planned(server, admin, drifted)
    shown = succeeded(await again)
    assert "1 change on 1 of 2 nodes" in shown
    assert "+b" in shown
    mending = (await admin.get("/api/v1/jobs", params={"type": "provision"})).json()["data"][0]
    assert mending["id"] in shown
    run = harness.Run(mending["id"], server.cipher)
    await run.claim()
    await run.finish(JobStatus.SUCCESS)

    still = asyncio.create_task(signed_in.on_server("apply", "-f", str(file), "--yes"))
    await planned(server, admin, {"control-01": HostPlan(), "worker-01": HostPlan()})
    done = await still
    assert succeeded(done) == "= cluster yard-1: Nothing would change on 2 nodes.\n"
    assert "Nothing to do." in done.stderr


async def test_what_cannot_be_changed_is_refused_field_by_field_before_anything_is_done(
    server: harness.Api, signed_in: CommandLine, home: Path
) -> None:
    admin = await server.admin()
    await admin.post("/api/v1/clusters", json=harness.cluster_body(provision_immediately=False))
    spec: dict[str, Any] = yaml.safe_load(cluster_file(home).read_text())
    spec["networking"] = {"pod_cidr": "10.9.0.0/16"}
    spec["nodes"][0]["ip_address"] = "192.0.2.11"
    spec["nodes"][1]["name"] = "worker-02"
    (home / "changed.yaml").write_text(yaml.safe_dump_all([spec, {"kind": "Template", "name": "small"}]))

    said = refused(await signed_in.on_server("apply", "-f", "changed.yaml", "--yes"))

    assert "networking.pod_cidr: 10.244.0.0/16 → 10.9.0.0/16: the server cannot change this" in said
    assert "nodes.control-01.ip_address: 192.0.2.10 → 192.0.2.11" in said
    assert "nodes.worker-02 is new: the server cannot add nodes" in said
    assert "nodes.worker-01 is missing: the server cannot take nodes" in said
    assert "Nothing was done." in said
    assert (await admin.get("/api/v1/jobs")).json()["total"] == 0
    assert (await admin.get("/api/v1/templates")).json()["total"] == 0


async def test_the_hardening_of_a_cluster_that_is_there_is_changed(
    server: harness.Api, signed_in: CommandLine, home: Path
) -> None:
    admin = await server.admin()
    await admin.post("/api/v1/clusters", json=harness.cluster_body(provision_immediately=False))
    spec: dict[str, Any] = yaml.safe_load(succeeded(await signed_in.on_server("get", "spec", "yard-1")))
    left_out = {"reason": "An old client", "id": "linux-5.1.5"}  # in another order than the server tells it
    spec["hardening"] |= {"enable_cis_linux_benchmark": True, "level": 1, "exceptions": [left_out]}
    (home / "yard.yaml").write_text(yaml.safe_dump(spec, sort_keys=False))

    look = await signed_in.on_server("apply", "-f", "yard.yaml", "--dry-run")
    done = await signed_in.on_server("apply", "-f", "yard.yaml", "--yes")
    there = (await admin.get("/api/v1/clusters/yard-1/hardening")).json()
    spec["hardening"] |= {"level": 3, "exceptions": [{**left_out, "reason": " "}]}
    (home / "yard.yaml").write_text(yaml.safe_dump(spec))
    wrong = refused(await signed_in.on_server("apply", "-f", "yard.yaml", "--yes"))

    assert look.exit_code == 2
    assert "    hardening.level: 2 → 1" in look.stdout
    assert "keelyard harden yard-1" in succeeded(done)
    assert (there["level"], there["enable_cis_linux_benchmark"]) == (1, True)
    assert there["exceptions"] == [left_out]
    assert "hardening.level: must be 1 or 2; it is 3" in wrong
    assert "hardening.exceptions.0.reason" in wrong
    assert (await admin.get("/api/v1/jobs")).json()["total"] == 0


async def test_other_kinds_are_made_changed_and_left_alone(
    server: harness.Api, signed_in: CommandLine, home: Path
) -> None:
    admin = await server.admin()
    await admin.post("/api/v1/clusters", json=harness.cluster_body(provision_immediately=False))
    (home / "yard").mkdir()
    (home / "yard" / "others.yaml").write_text(OTHERS)

    made = await signed_in.on_server("apply", "-f", "yard", "--yes")
    again = await signed_in.on_server("apply", "-f", "yard", "--yes")
    (home / "yard" / "others.yaml").write_text(OTHERS.replace("0 4", "0 5").replace("count: 1", "count: 2"))
    changed = await signed_in.on_server("apply", "-f", "yard", "--yes")

    assert [line for line in succeeded(made).splitlines() if line.endswith(".")] == [
        "tenant shop created.",
        "template small created.",
        "schedule nightly created.",
        "channel hook created.",
    ]
    assert "Nothing to do." in again.stderr
    assert succeeded(again).splitlines() == [
        "= tenant shop",
        "= template small",
        "= schedule nightly",
        "= channel hook",
    ]
    assert "    cron: 0 4 * * * → 0 5 * * *" in succeeded(changed)
    assert "    topology.worker_count: 1 → 2" in changed.stdout
    assert "key-1" not in made.output + again.output + changed.output
    assert (await admin.get("/api/v1/templates/small")).json()["version"] == 2
    channel = (await admin.get("/api/v1/notification-channels")).json()["data"][0]
    assert channel["url"] == "https://hooks.example.com/key-1"


async def test_what_the_server_tells_is_a_file_that_differs_in_nothing(
    server: harness.Api, signed_in: CommandLine, home: Path
) -> None:
    admin = await server.admin()
    body = harness.cluster_body(provision_immediately=False)
    await admin.post("/api/v1/clusters", json=body)
    spec = succeeded(await signed_in.on_server("get", "spec", "yard-1"))
    (home / "spec.yaml").write_text(spec)

    look = asyncio.create_task(signed_in.on_server("apply", "-f", "spec.yaml", "--dry-run"))
    await planned(server, admin, {"control-01": HostPlan(), "worker-01": HostPlan()})

    assert succeeded(await look) == "= cluster yard-1: Nothing would change on 2 nodes.\n"
    assert spec_file.load(home / "spec.yaml").spec().nodes[0].name == "control-01"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("kind: Pod\nname: x\n", "kind 'Pod' is not known; there is Tenant, Template, Cluster"),
        ("kind: Template\n", "a Template needs a `name`"),
        ("- 1\n", "a document is a mapping"),
        ("{", "is not YAML"),
        ("kind: Template\nname: a\n---\nkind: Template\nname: a\n", "template a is in"),
        ("", "There is no document"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused(home: Path, text: str, words: str) -> None:
    (home / "x.yaml").write_text(text)

    assert words in refused(CommandLine()("apply", "-f", "x.yaml", "--yes"))


def test_a_key_of_its_own_file_is_read_beside_the_document(home: Path) -> None:
    path = cluster_file(home)
    file = spec_file.load(path)

    assert file.spec().name == "yard-1"
    assert spec_file.secrets(file).private_key == harness.KEY
    assert json.dumps(yaml.safe_load(path.read_text())).count("id_yard") == 1


def test_nobody_to_ask_is_refused_before_anything_is_asked_of_the_server(home: Path) -> None:
    path = cluster_file(home)

    assert "--yes" in refused(CommandLine()("apply", "-f", str(path)), 2)
