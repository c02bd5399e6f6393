"""An export is enough for plain ansible-playbook and ansible-inventory, and gives no secret away."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.domain import catalogue
from engine.domain.errors import Conflict
from engine.domain.specs import AuthMethod, ClusterSpec, Components, NodeSpec, SshSecrets, Topology
from engine.domain.statuses import NodeRole, OsType
from engine.execution import artifacts, export
from tests.standins import sshd

TOOLS = Path(sys.executable).parent
VAULT_PASSWORD = "open the vault"


def spec(server: sshd.Server | None = None) -> ClusterSpec:
    node = NodeSpec(
        name="cp",
        role=NodeRole.CONTROL_PLANE,
        ip_address=server.address if server else "192.0.2.1",
        ssh_port=server.port if server else 22,
        os_type=OsType.DEBIAN12,
        host_keys=(server.pinned,) if server else (),
    )
    return ClusterSpec(
        id="0b0f8b1e-0000-4000-8000-000000000001",
        name="yard",
        topology=Topology(ha=False, control_plane_count=1, worker_count=0),
        components=Components(
            kubernetes_version=catalogue.DEFAULT.kubernetes,
            cni="flannel",
            ingress="none",
            runtime="containerd",
        ),
        nodes=(node,),
        username="root",
    )


def written(to: Path, secrets: SshSecrets, server: sshd.Server | None = None) -> export.Exported:
    return export.write(
        spec(server), secrets, artifacts.bundle("/bundle", "a" * 64), to=to, vault_password=VAULT_PASSWORD
    )


def tool(name: str, exported: Path, tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run one of Ansible's commands with an export, and with nothing else of ours."""
    password = tmp_path / "vault-password"
    password.write_text(VAULT_PASSWORD)
    return subprocess.run(
        [
            str(TOOLS / name),
            "-i",
            str(exported / "inventory"),
            "--vault-password-file",
            str(password),
            *arguments,
        ],
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "LANG": "C.UTF-8",
            "ANSIBLE_CONFIG": str(exported / "ansible.cfg"),
        },
        capture_output=True,
        text=True,
        check=False,
    )


def test_ansible_reads_all_of_it_wherever_it_was_moved(tmp_path: Path) -> None:
    secrets = SshSecrets(auth_method=AuthMethod.PASSWORD, password="{{ 7*7 }} $(id)")
    written(tmp_path / "made", secrets)
    moved = (tmp_path / "made").rename(tmp_path / "moved")
    shown = tool("ansible-inventory", moved, tmp_path, "--host", "cp")
    assert shown.returncode == 0, shown.stderr
    variables = json.loads(shown.stdout)
    assert variables["keelyard_cluster_name"] == "yard"
    assert (variables["keelyard_enable_cis_linux_benchmark"], variables["keelyard_hardening_level"]) == (
        False,
        2,
    )
    assert variables["ansible_password"] in ("{{ 7*7 }} $(id)", {"__ansible_unsafe": "{{ 7*7 }} $(id)"})
    assert "keelyard_run_id" not in variables


def test_it_is_closed_to_others_and_holds_no_secret_in_the_clear(tmp_path: Path) -> None:
    secrets = SshSecrets(auth_method=AuthMethod.PASSWORD, password="canary-77120")
    done = written(tmp_path / "made", secrets)
    files = [path for path in done.directory.rglob("*") if path.is_file()]
    assert done.directory.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o077 for path in files} == {0}
    assert not any("canary-77120" in path.read_text() for path in files)
    assert "canary" not in done.command


def test_a_directory_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("x")
    with pytest.raises(Conflict, match="not empty"):
        written(tmp_path, SshSecrets(auth_method=AuthMethod.PASSWORD, password="x"))
    assert [path.name for path in tmp_path.iterdir()] == ["precious"]


def test_an_export_is_made_again_over_an_earlier_one(tmp_path: Path) -> None:
    secrets = SshSecrets(auth_method=AuthMethod.PASSWORD, password="x")
    written(tmp_path / "made", secrets)
    (tmp_path / "made" / "output" / "kubeconfig").write_text("kept")
    written(tmp_path / "made", secrets)
    assert (tmp_path / "made" / "output" / "kubeconfig").read_text() == "kept"


@pytest.mark.skipif(not sshd.available(), reason="needs root and sshd")
def test_plain_ansible_playbook_logs_in_with_the_encrypted_key(tmp_path: Path) -> None:
    key, public = sshd.keypair(tmp_path, "key", "a passphrase")
    secrets = SshSecrets(auth_method=AuthMethod.PRIVATE_KEY, private_key=key, passphrase="a passphrase")
    playbook = tmp_path / "site.yml"
    playbook.write_text(
        "- hosts: k8s_cluster\n  gather_facts: false\n  tasks:\n"
        "    - ansible.builtin.command: 'true'\n"
        "    - copy: {content: there, mode: '0600', dest: '{{ keelyard_output_dir }}/proof'}\n"
        "      delegate_to: localhost\n"
    )
    with sshd.serving(tmp_path / "server", public) as server:
        exported = written(tmp_path / "made", secrets, server).directory
        done = tool("ansible-playbook", exported, tmp_path, str(playbook))
    assert done.returncode == 0, done.stdout + done.stderr
    assert (exported / "output" / "proof").read_text() == "there"
