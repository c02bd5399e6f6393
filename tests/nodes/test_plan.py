"""Plan, drift and verify on real nodes: a plan says what applying it does, and planning changes nothing.

The tests of this file tell one story in order, on one lab and one server; a broken chapter fails the rest.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from engine import lab
from engine.domain import catalogue
from tests.nodes.server import job_after

pytestmark = pytest.mark.nodes

NAME = f"plan{os.getpid() % 10000}"
CANARY = "canary-4e1fd09"
CONFIG, CNI = "/etc/containerd/config.toml", "/etc/cni/net.d/10-keelyard.conflist"
#: Everything on a node that a run may touch: files with mode, size and time of change, services, sysctls.
STATE = """
find /etc /usr/local /opt /root /var/lib/keelyard /var/lib/kubelet/config.yaml /var/lib/etcd/member \
    -maxdepth 6 -not -path '*/etcd/member/*' -printf '%p %m %s %T@ %l\\n' 2>/dev/null | sort
systemctl show -p Id,ActiveState,UnitFileState,ExecMainStartTimestampMonotonic containerd kubelet ssh
systemctl list-unit-files --no-legend --state=enabled,disabled,static,masked
sysctl net.ipv4.ip_forward vm.overcommit_memory kernel.panic fs.inotify.max_user_instances
hostname
"""


@pytest.fixture(scope="module")
def yard():
    try:
        yield lab.up(NAME, nodes=2)
    finally:
        lab.down(NAME)


@pytest.fixture(scope="module")
def client(server):
    with server.client() as session:
        yield session


@pytest.fixture(scope="module")
def state(yard, on_node):
    """What is on the nodes now."""
    return lambda: [on_node(yard, node, STATE, check=False).splitlines() for node in yard.nodes]


def moved(before: list[list[str]], after: list[list[str]]) -> str:
    """What is not on the nodes as it was."""
    differ = (sorted(set(old) ^ set(new)) for old, new in zip(before, after, strict=True))
    return "\n".join(line for lines in differ for line in lines)


def look(client, verb: str = "plan") -> dict[str, Any]:
    """A plan or verification of the cluster, made now."""
    started = client.call("POST", f"/api/v1/clusters/{NAME}/{verb}")
    job, _ = job_after(client, started["job_id"])
    assert job["status"] == "success", job.get("message")
    return client.call("GET", f"/api/v1/jobs/{job['id']}/plan")


def apply(client, plan: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    asked = client.call("POST", f"/api/v1/clusters/{NAME}/provision", {"plan_hash": plan["hash"]})
    return job_after(client, asked["job_id"])


def items(plan: dict[str, Any]) -> set[tuple[str, str]]:
    return {(host, item["task"]) for host, found in plan["hosts"].items() for item in found["items"]}


def changes(events: list[dict[str, Any]]) -> set[tuple[str, str]]:
    return {(event["host"], event["task"]) for event in events if event["kind"] == "host_changed"}


def test_a_plan_of_bare_nodes_holds_all_that_provisioning_does_and_changes_nothing(client, yard, state):
    request = lab.create_request(yard.name, NAME, kubernetes_version=catalogue.DEFAULT.kubernetes)
    client.call("POST", "/api/v1/clusters", {**request, "provision_immediately": False})
    bare = state()

    fresh = look(client)

    assert moved(bare, state()) == ""
    assert client.call("GET", f"/api/v1/clusters/{NAME}")["status"] == "pending"
    assert fresh["summary"]["unknown"] == 0
    assert fresh["summary"]["changed_hosts"] == 2
    begun, first = half_applied(client, fresh)
    assert begun["status"] == "cancelled"
    half = state()

    rest = look(client)

    assert moved(half, state()) == ""
    job, second = job_after(client, client.call("POST", f"/api/v1/jobs/{begun['id']}/retry")["job_id"])
    assert job["status"] == "success", job.get("message")
    assert changes(first)
    assert changes(first) | changes(second) <= items(fresh)
    assert changes(second) <= items(rest) < items(fresh)


def half_applied(client, plan: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Applies a plan and cancels the job once containerd is installed."""
    asked = client.call("POST", f"/api/v1/clusters/{NAME}/provision", {"plan_hash": plan["hash"]})
    events = []
    for event in client.events(asked["job_id"]):
        events.append(event)
        if event["kind"] == "phase_finished" and event["phase"] == "containerd":
            client.call("POST", f"/api/v1/jobs/{asked['job_id']}/cancel")
    return client.call("GET", f"/api/v1/jobs/{asked['job_id']}"), events


def condition(client, kind: str = "SpecApplied") -> dict[str, str]:
    cluster = client.call("GET", f"/api/v1/clusters/{NAME}")
    return next(each for each in cluster["conditions"] if each["type"] == kind)


def test_a_drift_plan_is_what_applying_it_then_does(client, yard, on_node, state):
    first, second = yard.nodes
    key = Path(yard.private_key).read_text().splitlines()[2]
    drift(yard, on_node, key)
    drifted = state()

    plan = look(client)

    assert moved(drifted, state()) == ""
    assert items(plan) == {
        (first.name, "Configure containerd"),
        (first.name, "Run containerd with this configuration"),
        (first.name, "Run flannel"),
        (first.name, "Tell containerd to use flannel"),
        (second.name, "Bring kernel modules, sysctls and swap to what Kubernetes needs"),
        (second.name, "Install Kubernetes and its images from the bundle"),
        (second.name, "Run kubelet with this configuration"),
    }
    told = json.dumps(plan)
    assert CANARY not in told
    assert key not in told
    assert '"-snapshotter' not in told
    config = next(
        item for item in plan["hosts"][first.name]["items"] if item["task"] == "Configure containerd"
    )
    assert config["certainty"] == "exact"
    assert config["diffs"][0]["title"] == CONFIG
    assert 'snapshotter = "native"' in config["diffs"][0]["before"]
    assert 'snapshotter = "overlayfs"' in config["diffs"][0]["after"]

    job, events = apply(client, plan)

    assert job["status"] == "success", job.get("message")
    assert changes(events) == items(plan)
    assert CANARY not in json.dumps(events)
    provisioned = condition(client, "CertificatesValid")
    found = look(client, "verify")
    assert items(found) == set()
    assert condition(client, "CertificatesValid") == provisioned  # seen by both, and moved by neither
    assert provisioned["status"] == "True"
    assert provisioned["message"].startswith("First to expire: ")
    assert f" on {first.name}, " in provisioned["message"]
    assert (condition(client)["status"], condition(client)["reason"]) == ("True", "Verified")


def drift(yard, on_node, key: str) -> None:
    """Things that happen to nodes: edited, stopped, deleted, replaced."""
    first, second = yard.nodes
    edit = (
        f"sed -i 's/overlayfs/native/' {CONFIG} && printf '# {key}\\npassword = \"{CANARY}\"\\n' >> {CONFIG}"
    )
    on_node(yard, first, f"{edit} && rm {CNI}")
    patch = """'{"data":{"net-conf.json":"{}"}}'"""
    config = (
        "kubectl --kubeconfig /etc/kubernetes/admin.conf -n kube-flannel patch configmap kube-flannel-cfg"
    )
    on_node(yard, first, f"{config} --type merge -p {patch}")
    on_node(yard, second, "sysctl -qw net.ipv4.ip_forward=0 && echo '#!/bin/sh' > /usr/local/bin/crictl")
    on_node(yard, second, "systemctl stop kubelet")


def test_a_plan_is_not_applied_to_nodes_that_changed_since(client, yard, on_node, state):
    first, second = yard.nodes
    on_node(yard, first, f"rm {CNI}")
    plan = look(client)
    on_node(yard, second, "sysctl -qw net.ipv4.ip_forward=0")
    before = state()

    job, events = apply(client, plan)

    assert (job["status"], job["reason"]) == ("failed", "plan is stale")
    assert f"{second.name}: Bring kernel modules, sysctls and swap" in job["message"]
    assert moved(before, state()) == ""
    assert changes(events) == set()
    assert {phase["status"] for phase in job["phases"]} == {"pending"}


def test_the_command_line_tells_drift_by_its_exit_code_and_a_new_plan_applies(client, server):
    environment = {**server.environment, "KEELYARD_PASSWORD": server.password}
    command = ["--url", server.url, "--email", "admin@k8s-provisioner.local", "--json"]

    drifted = server.command("verify", NAME, *command, check=False, environment=environment)

    assert drifted.returncode == 2, drifted.stderr
    found = json.loads(drifted.stdout)
    assert found["summary"]["changes"] == 2
    assert (condition(client)["status"], condition(client)["reason"]) == ("False", "Drift")
    assert "Tell containerd to use flannel" in condition(client)["message"]
    job, events = apply(client, found)  # a verification is as good as a plan
    assert job["status"] == "success", job.get("message")
    assert len(changes(events)) == 2
    mended = server.command("plan", NAME, *command, check=False, environment=environment)
    assert mended.returncode == 0, mended.stderr + mended.stdout
