"""Single items of hardening on a real node: the firewall, a rule that fails, and what outlives a restart."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine import content
from engine import lab as labs
from tests.nodes.conftest import LabMaker, Shell

TABLE = "nft list table inet keelyard"


class Guarded:
    """One node, the harden playbook limited to some items, and a look from outside."""

    def __init__(self, lab: labs.Lab, shell: Shell, folder: Path) -> None:
        self.lab, self.shell, self.folder = lab, shell, folder
        self.exceptions: list[dict[str, str]] = []

    def harden(self, items: str = "linux-4.3.8") -> subprocess.CompletedProcess[str]:
        """Plays these items, the firewall's unless told otherwise."""
        variables = {
            "keelyard_kubernetes_version": "1.36.0",
            "keelyard_cni": "flannel",
            "keelyard_pod_cidr": "10.244.0.0/16",
            "keelyard_service_cidr": "10.96.0.0/16",
            "keelyard_dns_domain": "cluster.local",
            "keelyard_artifacts_source": "upstream",
            "keelyard_output_dir": str(self.folder / "output"),
            "keelyard_enable_cis_linux_benchmark": True,
            "keelyard_hardening_exceptions": self.exceptions,
        }
        inventory = self.folder / "inventory.json"
        inventory.write_text(json.dumps(labs.inventory(self.lab.name, 1, connect=True, variables=variables)))
        playbooks = content.playbooks()
        program = str(Path(sys.executable).with_name("ansible-playbook"))
        return subprocess.run(
            [program, "-i", str(inventory), str(playbooks / "harden.yml"), "--tags", items],
            env={
                **os.environ,
                "ANSIBLE_CONFIG": str(playbooks.parent / "ansible.cfg"),
                "ANSIBLE_NOCOLOR": "1",
            },
            capture_output=True,
            text=True,
            check=False,
        )

    def on(self, command: str, *, check: bool = True) -> str:
        """Runs a command on the node."""
        return self.shell(self.lab, self.lab.nodes[0], command, check=check)

    def lets_in(self, port: int) -> bool:
        """Whether a connection from outside gets through to a port that something listens on."""
        with contextlib.suppress(OSError), socket.create_connection((self.lab.nodes[0].address, port), 3):
            return True
        return False


@pytest.fixture(scope="module")
def node(make_lab: LabMaker, on_node: Shell, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    with make_lab(nodes=1) as lab:
        yield Guarded(lab, on_node, tmp_path_factory.mktemp("firewall"))


def listen(node: Guarded, *ports: int) -> None:
    for port in ports:
        node.on(f"systemd-run --quiet --collect --unit=listens-{port} python3 -m http.server {port}")
        node.on(f"until ss -Hltn | grep -q ':{port} '; do sleep 0.1; done")


def restart(node: Guarded, eventually: Callable[..., None]) -> None:
    started = node.on("stat -c %Z /proc/1")
    node.on("systemctl reboot", check=False)
    eventually(lambda: node.on("stat -c %Z /proc/1", check=False) not in {"", started}, 120)


def test_a_foreign_firewall_that_drops_is_told_before_anything_is_changed(node: Guarded):
    node.on("nft add table inet site")
    node.on("nft add chain inet site forward '{ type filter hook forward priority 0; policy drop; }'")

    played = node.harden()

    assert played.returncode != 0
    assert "table inet site, chain forward: policy drop" in " ".join(played.stdout.split())
    assert node.on("ls /etc/keelyard/firewall.nft", check=False) == ""
    node.on("nft delete table inet site")


def test_what_a_node_needs_comes_in_everything_else_is_dropped_and_others_tables_stay(
    node: Guarded, eventually: Callable[..., None]
):
    node.on("nft add table ip kube-proxy")
    listen(node, 8080, 6443, 30080)
    assert node.lets_in(8080)

    first = node.harden()

    assert first.returncode == 0, first.stdout
    assert [node.lets_in(port) for port in (22, 6443, 30080)] == [True, True, True]
    assert not node.lets_in(8080)
    assert "table ip kube-proxy" in node.on("nft list tables")
    assert "changed=0 " in node.harden().stdout

    restart(node, eventually)
    listen(node, 8080)
    assert "policy drop" in node.on(TABLE)
    assert not node.lets_in(8080)


def test_a_table_that_someone_removed_comes_back(node: Guarded):
    node.on("nft delete table inet keelyard")

    assert "changed=1 " in node.harden().stdout

    assert "policy drop" in node.on(TABLE)


def test_an_exception_takes_the_firewall_away_again(node: Guarded):
    node.exceptions = [{"id": "linux-4.3.8", "reason": "the site has its own"}]

    played = node.harden()

    assert played.returncode == 0, played.stdout
    assert node.lets_in(8080)
    assert node.on(f"{TABLE}; ls /etc/keelyard/firewall.nft", check=False) == ""
    assert "changed=0 " in node.harden().stdout


def test_a_rule_that_fails_under_a_guard_leaves_nothing_of_those_before_it(node: Guarded):
    node.on(
        "mkdir /etc/sudoers.d/99-keelyard"
    )  # in the way of sudo's settings, which come after those of SSH
    before = node.on("cat /etc/ssh/sshd_config")

    played = node.harden("linux-5.1.13,linux-5.2.2")

    assert played.returncode != 0
    told = " ".join(played.stdout.split())
    assert "CIS 5.2.2 | sudo runs commands in a terminal of their own: " in told
    assert "The old files were put back at once." in told
    assert node.on("cat /etc/ssh/sshd_config") == before
    assert node.on("ls /var/lib/keelyard/guards/access/armed", check=False) == ""
    node.on("rmdir /etc/sudoers.d/99-keelyard")
    assert node.harden("linux-5.1.13,linux-5.2.2").returncode == 0
    assert "LoginGraceTime 60" in node.on("cat /etc/ssh/sshd_config")


def test_what_every_interface_is_set_to_outlives_a_restart(node: Guarded, eventually: Callable[..., None]):
    """Interfaces that are there before the settings are read begin with the kernel's own values."""
    items = "linux-3.3.2,linux-3.3.5,linux-3.3.6,linux-3.3.8"
    assert node.harden(items).returncode == 0

    restart(node, eventually)

    assert "changed=0 " in node.harden(items).stdout
