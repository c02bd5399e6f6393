"""Plain ansible-playbook on a lab, without API, database or engine: what the role tests drive."""

from __future__ import annotations

import copy
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil

from engine import content, lab
from engine.bundle import build
from engine.domain import catalogue

BUNDLE = build.default_path()


class Yard:
    """A lab, an inventory for it, and the ways to run a playbook on it and look at its nodes."""

    def __init__(self, running: lab.Lab, directory: Path) -> None:
        self.lab = running
        self.output = directory / "output"
        self.output.mkdir(mode=0o700)
        self.control_plane = running.nodes[0].name
        self.worker = running.nodes[-1].name if running.nodes[1:] else ""
        self.addresses = {node.name: node.address for node in running.nodes}
        self.user = "root"
        self.variables: dict[str, Any] = {
            "keelyard_kubernetes_version": catalogue.DEFAULT.kubernetes,
            "keelyard_versions": catalogue.DEFAULT.versions(),
            "keelyard_cni": "flannel",
            "keelyard_ingress": "none",
            "keelyard_pod_cidr": "10.244.0.0/16",
            "keelyard_service_cidr": "10.96.0.0/16",
            "keelyard_dns_domain": "cluster.local",
            "keelyard_artifacts_source": "bundle",
            "keelyard_bundle_path": str(BUNDLE),
            "keelyard_bundle_digest": hashlib.sha256((BUNDLE / "SHA256SUMS").read_bytes()).hexdigest(),
            "keelyard_output_dir": str(self.output),
            "keelyard_run_id": "roles-test",
        }

    def inventory(self) -> dict[str, Any]:
        return lab.inventory(self.lab.name, 1, connect=True, variables=self.variables, user=self.user)

    def command(self, playbook: str, *arguments: str, inventory: dict[str, Any] | None = None) -> list[str]:
        path = self.output.parent / "inventory.json"
        path.write_text(json.dumps(inventory or self.inventory()))
        program = Path(sys.executable).with_name("ansible-playbook")
        return [str(program), "-i", str(path), str(content.playbooks() / playbook), *arguments]

    def environment(self, **extra: str) -> dict[str, str]:
        configuration = content.playbooks().parent / "ansible.cfg"
        return {**os.environ, "ANSIBLE_CONFIG": str(configuration), "ANSIBLE_NOCOLOR": "1", **extra}

    def play(self, *arguments: str, playbook: str = "provision.yml", **options: Any) -> Run:
        done = subprocess.run(
            self.command(playbook, *arguments, **options),
            env=self.environment(ANSIBLE_STDOUT_CALLBACK="ansible.posix.json"),
            capture_output=True,
            text=True,
            check=False,
        )
        return Run(done)

    def on(self, node: str, command: str, *, check: bool = True) -> str:
        trust = f"UserKnownHostsFile={self.lab.known_hosts}"
        options = ["-F", "/dev/null", "-i", self.lab.private_key, "-o", trust, "-o", "BatchMode=yes"]
        done = subprocess.run(
            ["ssh", *options, f"root@{self.addresses[node]}", command],
            capture_output=True,
            text=True,
            check=False,
        )
        assert not check or done.returncode == 0, f"{node}: {command}: {done.stderr}"
        return done.stdout.strip()

    def kubectl(self, arguments: str) -> str:
        return self.on(self.control_plane, f"kubectl --kubeconfig /etc/kubernetes/admin.conf {arguments}")

    def edited(self, node: str, **variables: Any) -> dict[str, Any]:
        """The inventory with other variables for one node; a node that is not there yet becomes a worker."""
        inventory = copy.deepcopy(self.inventory())
        groups = inventory["all"]["children"]["k8s_cluster"]["children"]
        group = "kube_control_plane" if node == self.control_plane else "kube_node"
        groups[group]["hosts"].setdefault(node, {}).update(variables)
        return inventory


class Run:
    """What a playbook did, read from the JSON callback."""

    def __init__(self, done: subprocess.CompletedProcess[str]) -> None:
        self.code = done.returncode
        self.text = done.stdout + done.stderr
        start = done.stdout.find("{")
        self.report: dict[str, Any] = (
            json.loads(done.stdout[start:]) if start >= 0 else {"plays": [], "stats": {}}
        )

    def _results(self) -> list[tuple[str, str, dict[str, Any]]]:
        return [
            (host, task["task"]["name"].partition(" : ")[2] or task["task"]["name"], result)
            for play in self.report["plays"]
            for task in play["tasks"]
            for host, result in task["hosts"].items()
        ]

    @property
    def changed(self) -> set[tuple[str, str]]:
        """(node, task) of everything that changed."""
        return {(host, task) for host, task, result in self._results() if result.get("changed")}

    @property
    def messages(self) -> list[str]:
        """What failed tasks said."""
        return [str(result.get("msg", "")) for _, _, result in self._results() if result.get("failed")]

    def assert_healthy(self) -> None:
        assert self.code == 0, "\n".join(self.messages) or self.text[-3000:]

    def assert_unchanged(self) -> None:
        self.assert_healthy()
        assert self.changed == set()


def kill_before(yard: Yard, task: str, *arguments: str) -> None:
    """Runs the provisioning up to a task and kills Ansible with all its children right before it."""
    process = subprocess.Popen(
        [*yard.command("provision.yml", *arguments), "--step"],
        env=yard.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        bufsize=1,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    seen, answered = "", ""
    try:
        while character := process.stdout.read(1):
            seen += character
            if not seen.endswith("(N)o/(y)es/(c)ontinue: "):
                continue
            asked = seen.rpartition("Perform task: ")[2]
            if asked == answered:
                continue  # Ansible repeats each question as a heading once it is answered
            if task in asked:
                return
            answered = asked
            process.stdin.write("y\n")
        raise AssertionError(f"{task} was never reached:\n{seen[-2000:]}")
    finally:
        family = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        for child in family:
            if child.is_running() and "ssh" not in child.name():
                child.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()
