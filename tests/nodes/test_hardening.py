"""Hardening from end to end: a stock cluster is scanned, hardened and scanned again by scanners that are not
ours, and goes on working: it serves, restarts, takes in a further node, and a second run finds nothing to do.

The tests of this file tell one story in order, on one lab and one server; a broken chapter fails the rest.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from engine import content, lab
from engine.bundle import build
from engine.domain import catalogue
from tests.nodes.server import job_after

pytestmark = pytest.mark.nodes

NAME = f"hrd{os.getpid() % 10000}"
BUNDLE = build.default_path()
HARDENED_ELSEWHERE = Path(__file__).with_name("hardened_elsewhere.sh")
LEAST_OPENSCAP = 95.0
LEAST_LYNIS = 85
SCANS = {"scan-kubernetes", "scan-openscap", "scan-lynis"}

type Shell = Callable[..., str]


@pytest.fixture(scope="module")
def yard():
    """Two nodes; a third one comes at the end."""
    try:
        yield lab.up(NAME, nodes=2)
    finally:
        lab.down(NAME)


@pytest.fixture
def client(server):
    """Logged in for one chapter: on a slow machine the whole story outlives a login."""
    with server.client() as session:
        yield session


@pytest.fixture(scope="module")
def story() -> dict[str, Any]:
    """What earlier chapters leave for later ones."""
    return {}


def path(below: str) -> str:
    return f"/api/v1/clusters/{NAME}/{below}"


def run(client, action: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A job of the cluster, once it has ended well."""
    job, events = job_after(client, client.call("POST", path(action))["job_id"])
    assert job["status"] == "success", job.get("message") or job
    return job, events


def changed(events: list[dict[str, Any]]) -> list[str]:
    return [f"{event['host']}: {event['task']}" for event in events if event["kind"] == "host_changed"]


def report_of(client, job: dict[str, Any]) -> dict[str, Any]:
    """The stored report of a job, its scanners by name."""
    listed = client.call("GET", path("hardening/reports"))["data"]
    found = next(report["id"] for report in listed if report["job_id"] == job["id"])
    report = client.call("GET", f"/api/v1/hardening/reports/{found}")
    return {**report, "scanners": {each["scanner"]: each for each in report["scanners"]}}


def results(client, report: dict[str, Any], **wanted: str) -> list[dict[str, Any]]:
    query = "&".join(f"{name}={value}" for name, value in wanted.items())
    found = client.call("GET", f"/api/v1/hardening/reports/{report['id']}/results?page_size=1000&{query}")
    assert found["total"] == len(found["data"])
    return found["data"]


def told(found: list[dict[str, Any]]) -> str:
    return "\n".join(f"{r['host']} {r['rule']} ({r['item']}): {r['title']}: {r['evidence']}" for r in found)


def test_a_stock_cluster_is_scanned_before_anything_is_hardened(client, yard, story):
    request = lab.create_request(yard.name, NAME, kubernetes_version=catalogue.DEFAULT.kubernetes)
    created = client.call("POST", "/api/v1/clusters", request)
    provisioned, events = job_after(client, created["job"]["id"])
    assert provisioned["status"] == "success", provisioned.get("message")
    assert not [task for task in changed(events) if "CIS" in task]

    job, events = run(client, "scan")

    assert changed(events) == []
    assert {phase["slug"] for phase in job["phases"]} == SCANS
    before = story["before"] = report_of(client, job)
    assert {name: each["unavailable"] for name, each in before["scanners"].items()} == {
        "kube-bench": [],
        "lynis": [],
        "openscap": [],
    }
    assert before["scanners"]["kube-bench"]["raw_score"] < 100
    assert before["scanners"]["openscap"]["raw_score"] < LEAST_OPENSCAP
    assert before["scanners"]["lynis"]["raw_score"] < LEAST_LYNIS


def test_a_running_cluster_is_hardened_by_one_job(client, story):
    wanted = {"enable_cis_linux_benchmark": True, "enable_cis_k8s_benchmark": True}
    client.call("PATCH", path("hardening"), wanted)

    job, events = run(client, "harden")

    assert changed(events) != []
    story["after"] = report_of(client, job)


def test_kube_bench_finds_nothing_wrong(client, story):
    found = results(client, story["after"], scanner="kube-bench", outcome="fail")

    assert found == [], told(found)
    assert story["after"]["scanners"]["kube-bench"]["raw_score"] == 100


def test_openscap_finds_next_to_nothing_and_each_of_it_has_a_written_reason(client, story):
    failed = results(client, story["after"], scanner="openscap", outcome="fail")
    excepted = results(client, story["after"], scanner="openscap", outcome="excepted")

    assert failed == [], told(failed)
    assert [result["rule"] for result in excepted if not result["reason"].strip()] == []
    assert story["after"]["scanners"]["openscap"]["raw_score"] >= LEAST_OPENSCAP, told(excepted)


def test_lynis_is_content(client, story):
    left = results(client, story["after"], scanner="lynis", outcome="manual")

    assert story["after"]["scanners"]["lynis"]["raw_score"] >= LEAST_LYNIS, told(left)


def test_every_adapted_item_is_told_with_its_reason(client):
    adapted = client.call("GET", path("hardening"))["adapted"]

    assert {"product", "lab"} <= {item["by"] for item in adapted}
    assert [item["id"] for item in adapted if not item["reason"].strip()] == []


def test_the_two_scans_differ_by_what_was_hardened(client, story):
    before, after = story["before"]["id"], story["after"]["id"]

    lines = client.call("GET", f"/api/v1/hardening/reports/{after}/diff?against={before}")["lines"]

    mended = {line["rule"] for line in lines if (line["before"], line["after"]) == ("fail", "pass")}
    assert {"1.2.15", "4.1.9", "package_aide_installed"} <= mended, sorted(mended)
    assert [line["rule"] for line in lines if (line["before"], line["after"]) == ("pass", "fail")] == []


def test_the_raw_reports_of_the_scanners_are_artifacts_of_the_job(client, story):
    job_id = story["after"]["job_id"]
    names = {each["name"] for each in client.call("GET", f"/api/v1/jobs/{job_id}/artifacts")}

    for host in (f"{NAME}-1", f"{NAME}-2"):
        for report in ("kube-bench.json", "openscap-results.xml", "lynis-report.dat"):
            assert any(host in name and name.endswith(report) for name in names), sorted(names)


def test_nothing_of_the_scanners_stays_on_a_node(yard, on_node: Shell):
    left = "ls -d /var/lib/keelyard-scan-* /usr/local/bin/kube-bench /var/log/lynis* 2>/dev/null || true"

    assert [on_node(yard, node, left) for node in yard.nodes] == ["", ""]


@pytest.fixture(scope="module")
def exported(server, tmp_path_factory) -> Path:
    """The cluster as files, for plain `ansible-playbook`."""
    directory = tmp_path_factory.mktemp("exported")
    vault = directory / "vault-password"
    vault.write_text("only for this test")
    server.command("export", NAME, "--to", str(directory / "cluster"), "--vault-password-file", str(vault))
    return directory


def test_a_second_run_changes_nothing(exported: Path):
    """By hand, since the job would scan a third time."""
    changes = play(exported, "harden.yml", "--skip-tags", ",".join(sorted(SCANS)))

    assert changes == {f"{NAME}-1": [], f"{NAME}-2": []}


@pytest.fixture
def kubectl(client, tmp_path: Path) -> Shell:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.touch(mode=0o600)
    kubeconfig.write_text(client.text(path("kubeconfig")))

    def ask(*arguments: str) -> str:
        command = [
            BUNDLE / "bin" / "kubectl",
            "--kubeconfig",
            kubeconfig,
            "--request-timeout=20s",
            *arguments,
        ]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        return ran.stdout if ran.returncode == 0 else f"failed: {ran.stderr}"

    return ask


def ready(kubectl: Shell) -> list[str]:
    lines = [line.split() for line in kubectl("get", "nodes", "--no-headers").splitlines()]
    return sorted(line[0] for line in lines if len(line) > 1 and line[1] == "Ready")


def test_a_restarted_node_comes_back_as_it_was(yard, on_node: Shell, kubectl: Shell, eventually):
    worker = yard.nodes[1]
    booted = on_node(yard, worker, "stat -c %Z /proc/1")
    on_node(yard, worker, "systemctl reboot", check=False)

    eventually(
        lambda: on_node(yard, worker, "stat -c %Z /proc/1", check=False) not in {"", booted}, seconds=180
    )
    eventually(lambda: ready(kubectl) == [node.name for node in yard.nodes], seconds=300)

    assert "keelyard" in on_node(yard, worker, "nft list tables")


#: What other nodes have to know of a further one: its name, its address, and that it may have a certificate.
OF_A_FURTHER_NODE = ("each other by name", "CIS 4.3.", "approver")


def test_a_further_node_that_others_hardened_joins_and_everything_still_works(
    exported: Path, yard, on_node: Shell, kubectl: Shell
):
    """Provisioning ends with a pod on every node, a service, and the cluster's names."""
    grown = lab.up(NAME, nodes=3, system=yard.system)
    further = grown.nodes[2]
    on_node(grown, further, HARDENED_ELSEWHERE.read_text())
    add_worker(exported / "cluster" / "inventory" / "hosts.yml", further)

    changes = play(exported, "provision.yml")

    assert ready(kubectl) == [node.name for node in grown.nodes]
    assert "maxsessions 2" in on_node(grown, further, "sshd -T")
    assert "keelyard" in on_node(grown, further, "nft list tables")
    assert "# keelyard node: install overlay" in on_node(grown, further, "cat /etc/modprobe.d/site.conf")
    assert on_node(grown, further, "cat /proc/sys/net/ipv4/ip_forward") == "1"
    assert "LimitNOFILE=524288" in on_node(grown, further, "systemctl show containerd kubelet -p LimitNOFILE")
    assert "pam_pwhistory.so" in on_node(grown, further, "cat /etc/pam.d/common-password")
    of_others = [task for node in grown.nodes[:2] for task in changes[node.name]]
    assert [task for task in of_others if not any(word in task for word in OF_A_FURTHER_NODE)] == []


def add_worker(inventory: Path, node: lab.LabNode) -> None:
    """What docs/break-glass.md tells an operator to do by hand."""
    content_of = yaml.safe_load(inventory.read_text())
    hosts = content_of["all"]["children"]["k8s_cluster"]["children"]["kube_node"]["hosts"]
    known = hosts[f"{NAME}-2"]
    hosts[node.name] = {**known, "ansible_host": node.address, "keelyard_machine_id": ""}
    inventory.write_text(yaml.safe_dump(content_of))


def play(exported: Path, playbook: str, *options: str) -> dict[str, list[str]]:
    """Plays it by plain `ansible-playbook`; what it changed, by host."""
    cluster = exported / "cluster"
    command = [
        str(Path(sys.executable).parent / "ansible-playbook"),
        *("-i", str(cluster / "inventory")),
        *("--vault-password-file", str(exported / "vault-password")),
        str(content.playbooks() / playbook),
        *options,
    ]
    environment = {key: value for key, value in os.environ.items() if key in {"PATH", "HOME", "LANG"}}
    done = subprocess.run(
        command,
        cwd=cluster,
        env={**environment, "ANSIBLE_CONFIG": str(cluster / "ansible.cfg")},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.splitlines()
    wrong = [line for line in lines if "[ERROR]" in line or line.startswith("fatal:")]
    assert done.returncode == 0, "\n".join(wrong) or done.stderr
    return changed_by_host(lines)


def changed_by_host(lines: list[str]) -> dict[str, list[str]]:
    """Host → the names of the tasks that changed something there, from the output of `ansible-playbook`."""
    task, found = "", dict[str, list[str]]()
    for line in lines:
        if started := re.match(r"(?:TASK|RUNNING HANDLER) \[(.*)\]", line):
            task = started[1]
        elif told := re.match(r"(ok|changed): \[([^] ]+)", line):
            found.setdefault(told[2], []).extend([task] if told[1] == "changed" else [])
    return found
