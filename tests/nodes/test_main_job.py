"""The main job from end to end: through the API, on real nodes, with real kubeadm.

The tests of this file tell one story in order, on one lab and one server; a broken chapter fails the rest.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from engine import content, lab
from engine.bundle import build
from engine.domain import catalogue
from engine.execution import termination
from tests.nodes.server import follow, job_after

pytestmark = pytest.mark.nodes

NAME = f"job{os.getpid() % 10000}"
BUNDLE = build.default_path()
PHASES = [
    "preflight", "prepare", "harden-nodes", "containerd", "packages", "harden-control-plane", "init", "join",
    "cni", "kubeconfig", "harden-cluster", "verify",
]  # fmt: skip


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


def request_for(yard: lab.Lab, name: str = NAME) -> dict[str, Any]:
    return lab.create_request(yard.name, name, kubernetes_version=catalogue.DEFAULT.kubernetes)


def provision_again(client) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    return job_after(client, client.call("POST", f"/api/v1/clusters/{NAME}/provision")["job_id"])


def changed(events: list[dict[str, Any]]) -> list[str]:
    return [f"{event['host']}: {event['task']}" for event in events if event["kind"] == "host_changed"]


def on_node(yard: lab.Lab, number: int, command: str) -> str:
    node = yard.nodes[number]
    options = ["-F", "/dev/null", "-i", yard.private_key, "-o", f"UserKnownHostsFile={yard.known_hosts}"]
    done = subprocess.run(
        ["ssh", *options, "-o", "BatchMode=yes", f"root@{node.address}", command],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{node.name}: {command}: {done.stderr}"
    return done.stdout


def kubectl(kubeconfig: Path, *arguments: str) -> str:
    command = [BUNDLE / "bin" / "kubectl", "--kubeconfig", kubeconfig, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_a_node_with_the_wrong_key_and_a_missing_one_are_both_reported_before_anything_changes(client, yard):
    request = request_for(yard, f"{NAME}-absent")
    request["nodes"][1]["ip_address"] = yard.nodes[1].address.rsplit(".", 1)[0] + ".200"
    created = client.call("POST", "/api/v1/clusters", request)

    job, events = job_after(client, created["job"]["id"])

    assert (job["status"], job["phases"][0]["status"]) == ("failed", "failed"), job.get("message")
    assert f"{yard.nodes[1].name}" in job["message"]
    assert all(phase["status"] == "pending" for phase in job["phases"][1:])
    assert changed(events) == []
    client.call("DELETE", f"/api/v1/clusters/{NAME}-absent")


def test_bare_nodes_become_a_running_cluster(client, yard):
    created = client.call("POST", "/api/v1/clusters", request_for(yard))
    assert created["cluster"]["status"] == "pending"

    job, events = job_after(client, created["job"]["id"])

    assert job["status"] == "success", job.get("message") or job
    assert [phase["slug"] for phase in job["phases"]] == PHASES
    assert {phase["status"] for phase in job["phases"]} == {"succeeded"}
    assert [event["sequence"] for event in events] == list(range(1, len(events) + 1))
    assert client.call("GET", f"/api/v1/clusters/{NAME}")["status"] == "running"
    nodes = client.call("GET", f"/api/v1/clusters/{NAME}/nodes")["data"]
    assert {node["status"] for node in nodes} == {"ready"}
    assert {node["kubernetes_version"].removeprefix("v") for node in nodes} == {catalogue.DEFAULT.kubernetes}


@pytest.fixture(scope="module")
def kubeconfig(client, tmp_path_factory):
    path = tmp_path_factory.mktemp("kubeconfig") / "config"
    path.touch(mode=0o600)
    path.write_text(client.text(f"/api/v1/clusters/{NAME}/kubeconfig"))
    return path


def test_the_downloaded_kubeconfig_reaches_the_cluster(kubeconfig, yard):
    ready = kubectl(kubeconfig, "get", "nodes", "--no-headers").split("\n")

    assert sorted(line.split()[0] for line in ready if line) == [node.name for node in yard.nodes]
    assert all(line.split()[1] == "Ready" for line in ready if line)


def test_a_second_run_changes_nothing_and_verify_leaves_nothing_behind(client, kubeconfig):
    job, events = provision_again(client)

    assert job["status"] == "success", job.get("message")
    assert changed(events) == []
    namespaces = kubectl(kubeconfig, "get", "namespaces", "-o", "name").split()
    assert not [name for name in namespaces if "keelyard" in name or "verify" in name]


def test_the_super_admin_kubeconfig_does_not_stay_behind(yard):
    assert on_node(yard, 0, "ls /etc/kubernetes").split().count("super-admin.conf") == 0


def test_a_second_job_waits_for_the_first_and_starts_when_it_ends(client):
    first = client.call("POST", f"/api/v1/clusters/{NAME}/provision")["job_id"]
    second = client.call("POST", f"/api/v1/clusters/{NAME}/provision")["job_id"]

    ended, _ = job_after(client, first)
    waited, _ = job_after(client, second)

    assert (ended["status"], waited["status"]) == ("success", "success")
    assert waited["started_at"] >= ended["finished_at"]


def test_a_cancelled_job_leaves_no_process_and_a_retry_finishes_it(client, yard):
    job_id = client.call("POST", f"/api/v1/clusters/{NAME}/provision")["job_id"]
    events = client.events(job_id)
    next(event for event in events if event["kind"] == "task_started")
    client.call("POST", f"/api/v1/jobs/{job_id}/cancel")
    for _ in events:
        pass

    assert client.call("GET", f"/api/v1/jobs/{job_id}")["status"] == "cancelled"
    for number in range(2):
        marked = f"grep -lsz KEELYARD_RUN_ID={job_id} /proc/[0-9]*/environ || true"
        assert on_node(yard, number, marked) == ""
    assert not processes_of(job_id)
    retried, _ = job_after(client, client.call("POST", f"/api/v1/jobs/{job_id}/retry")["job_id"])
    assert retried["status"] == "success", retried["message"]


def processes_of(run_id: str) -> list[str]:
    found = []
    for process in psutil.process_iter():
        try:
            environment = process.environ()
        except psutil.Error:
            continue
        if environment.get("KEELYARD_RUN_ID") == run_id:
            found.append(" ".join(process.cmdline()))
    return found


def test_a_changed_host_key_stops_the_run_with_a_plain_message(client, yard):
    on_node(
        yard,
        1,
        "cp -a /etc/ssh /root/ssh.kept && rm /etc/ssh/ssh_host_* && ssh-keygen -A && systemctl restart ssh",
    )
    try:
        job, _ = provision_again(client)
    finally:
        restore_host_keys(yard)

    assert job["status"] == "failed"
    assert job["phases"][0]["status"] == "failed"
    assert "host key" in job["message"]
    assert yard.nodes[1].name in job["message"]
    retried, _ = job_after(client, client.call("POST", f"/api/v1/jobs/{job['id']}/retry")["job_id"])
    assert retried["status"] == "success", retried["message"]


def restore_host_keys(yard: lab.Lab) -> None:
    insecure = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
    command = "rm -r /etc/ssh && mv /root/ssh.kept /etc/ssh && systemctl restart ssh"
    subprocess.run(
        [
            "ssh",
            "-F",
            "/dev/null",
            "-i",
            yard.private_key,
            *insecure,
            f"root@{yard.nodes[1].address}",
            command,
        ],
        check=True,
        capture_output=True,
    )


def test_no_secret_is_found_in_database_disk_logs_or_processes(server, client, yard, kubeconfig):
    body = "".join(Path(yard.private_key).read_text().splitlines()[1:-1])
    admin_key = yaml.safe_load(kubeconfig.read_text())["users"][0]["user"]["client-key-data"]
    canaries = {"ssh key": body[60:110], "admin key": admin_key[100:160], "password": server.password}
    archive = server.home / "dump"
    server.command("backup", "--to", str(archive))

    for what, canary in canaries.items():
        found = [str(path) for path in files_below(server.home) if canary.encode() in path.read_bytes()]
        assert found == [], what
        mine = {os.getpid(), os.getppid()}
        for process in psutil.process_iter(["pid", "cmdline"]):
            if process.info["pid"] not in mine:
                assert canary not in " ".join(process.info["cmdline"] or []), what
    jobs = client.call("GET", "/api/v1/jobs?page_size=100")["data"]
    for job in jobs:
        told = str(follow(client, job["id"]))
        assert not [what for what, canary in canaries.items() if canary in told]
    left = [
        path for path in Path("/dev/shm").glob("keelyard*/runs/*") if path.name in {job["id"] for job in jobs}
    ]
    assert left == []


def files_below(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if path.is_file() and not path.is_symlink()]


def test_with_server_and_database_stopped_plain_ansible_finds_nothing_to_change(server, yard, tmp_path):
    exported = tmp_path / "exported"
    vault = tmp_path / "vault-password"
    vault.write_text("only for this test")
    server.command("export", NAME, "--to", str(exported), "--vault-password-file", str(vault))
    server.stop()
    try:
        done = ansible_playbook("provision.yml", exported, vault)
    finally:
        server.start()

    assert done.returncode == 0, done.stdout + done.stderr
    recap = done.stdout.split("PLAY RECAP")[1]
    assert recap.count("changed=0") >= len(yard.nodes), recap
    assert "failed=0" in recap


def ansible_playbook(playbook: str, exported: Path, vault: Path) -> subprocess.CompletedProcess[str]:
    command = [
        str(Path(sys.executable).parent / "ansible-playbook"),
        *("-i", str(exported / "inventory")),
        *("--vault-password-file", str(vault)),
        str(content.playbooks() / playbook),
    ]
    environment = {key: value for key, value in os.environ.items() if key in {"PATH", "HOME", "LANG"}}
    return subprocess.run(
        command,
        cwd=exported,
        env={**environment, "ANSIBLE_CONFIG": str(exported / "ansible.cfg")},
        capture_output=True,
        text=True,
        check=False,
    )


def test_deprovisioned_nodes_are_clean(client, yard):
    asked = client.call("DELETE", f"/api/v1/clusters/{NAME}?deprovision=true")
    job, _ = job_after(client, asked["job_id"])

    assert job["status"] == "success", job.get("message")
    assert client.call("GET", f"/api/v1/clusters/{asked['cluster_id']}")["status"] == "deleted"
    for number in range(2):
        left = on_node(
            yard, number, "ls -d /etc/kubernetes /var/lib/etcd/member /etc/keelyard 2>/dev/null || true"
        )
        assert left == ""


def supervisor_of(job_id: str) -> psutil.Process:
    """The process that runs a job on this machine."""
    run = psutil.Process(min(process.pid for process in termination.processes(job_id)))
    return next(above for above in run.parents() if "supervise" in above.cmdline())


def test_a_supervisor_killed_in_kubeadm_leaves_a_run_that_a_retry_finishes(client, yard, tmp_path):
    """kubeadm itself is never stopped midway: the burial says so, and the retry waits for it."""
    name = f"{NAME}-killed"
    created = client.call("POST", "/api/v1/clusters", request_for(yard, name))
    job_id = created["job"]["id"]
    for event in client.events(job_id):
        if event["kind"] == "task_started" and event["task"] == "Initialise the control plane":
            break
    eventually_on_node(yard, 0, "pgrep -x kubeadm")
    supervisor_of(job_id).kill()

    job, events = job_after(client, job_id)
    retried, _ = job_after(client, client.call("POST", f"/api/v1/jobs/{job_id}/retry")["job_id"])

    assert (job["status"], job["reason"]) == ("failed", "interrupted"), job
    assert any("waiting for kubeadm to finish" in (event["message"] or "") for event in events)
    assert [event["sequence"] for event in events] == list(range(1, len(events) + 1))
    assert termination.processes(job_id) == []
    assert not list(Path("/dev/shm").glob(f"keelyard*/runs/*{job_id}*"))
    assert retried["status"] == "success", retried.get("message")
    first = PHASES.index("init")
    assert [phase["status"] for phase in job["phases"]][: first + 1] == ["succeeded"] * first + ["failed"]
    statuses = [phase["status"] for phase in retried["phases"]]
    assert statuses == ["skipped"] * first + ["succeeded"] * (len(PHASES) - first)
    downloaded = tmp_path / "kubeconfig"
    downloaded.write_text(client.text(f"/api/v1/clusters/{name}/kubeconfig"))
    ready = [line.split()[1] for line in kubectl(downloaded, "get", "nodes", "--no-headers").splitlines()]
    assert ready == ["Ready"] * len(yard.nodes)
    asked = client.call("DELETE", f"/api/v1/clusters/{name}?deprovision=true")
    assert job_after(client, asked["job_id"])[0]["status"] == "success"


def eventually_on_node(yard: lab.Lab, number: int, command: str) -> None:
    on_node(yard, number, f"for i in $(seq 300); do {command} && exit 0; sleep 0.1; done; exit 1")


def test_break_glass_makes_a_cluster_from_empty_nodes_and_joins_one_later(server, yard, tmp_path):
    server.stop()
    exported, vault, spec = tmp_path / "exported", tmp_path / "vault-password", tmp_path / "cluster.yml"
    vault.write_text("only for this test")
    request = request_for(yard, f"{NAME}-glass")
    second = request["nodes"].pop()
    request["topology"]["worker_count"] = 0
    spec.write_text(yaml.safe_dump({**request, "artifacts": "bundle", "bundle": str(BUNDLE)}))
    key = ["--ssh-key", yard.private_key, "--vault-password-file", str(vault)]
    server.command("export", "--spec", str(spec), "--to", str(exported), *key)

    first = ansible_playbook("provision.yml", exported, vault)
    assert first.returncode == 0, first.stdout + first.stderr
    add_worker(exported / "inventory" / "hosts.yml", second)
    joined = ansible_playbook("provision.yml", exported, vault)
    assert joined.returncode == 0, joined.stdout + joined.stderr

    nodes = kubectl(exported / "output" / "kubeconfig", "get", "nodes", "--no-headers").splitlines()
    assert [line.split()[:2] for line in nodes] == [[node.name, "Ready"] for node in yard.nodes]


def add_worker(inventory: Path, node: dict[str, Any]) -> None:
    """What docs/break-glass.md tells an operator to do by hand."""
    content_of = yaml.safe_load(inventory.read_text())
    groups = content_of["all"]["children"]["k8s_cluster"]["children"]
    known = next(iter(groups["kube_control_plane"]["hosts"].values()))
    added = {**known, "ansible_host": node["ip_address"], "keelyard_machine_id": ""}
    hosts = groups.setdefault("kube_node", {}).setdefault("hosts", {})
    hosts[node["name"]] = added
    inventory.write_text(yaml.safe_dump(content_of))
