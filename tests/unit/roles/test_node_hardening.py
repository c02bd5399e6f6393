"""The role that hardens nodes: catalogue, tasks, firewall and the code of its modules."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.roles import hardening_table
from tests.unit.roles.loading import PLAYBOOKS, ROLES, evaluate, load, module, render

ROLE = ROLES / "node_hardening"
CATALOGUE = hardening_table.catalogue()
on = load(PLAYBOOKS / "filter_plugins" / "hardening.py", "keelyard_tested_hardening_filter").hardening_on
SYSTEMS = ["debian12", "debian13", "ubuntu22", "rocky9", "rhel9"]
OURS = tuple(f"linux-{chapter}." for chapter in "1234")
CARRIED_OUT = [
    name for name, item in CATALOGUE.items() if item.get("disposition", "applied") in ("applied", "adapted")
]
#: Without these Kubernetes does not run.
NEEDED_MODULES = {
    "overlay",
    "br_netfilter",
    "vxlan",
    "nf_tables",
    "ip_set",
    "ip_tables",
    "nf_conntrack",
    "xt_comment",
}


@functools.cache
def tasks() -> list[dict[str, Any]]:
    """Every task of the role, those of blocks included."""

    def flat(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
        inner = [task for each in found for part in ("block", "rescue") for task in each.get(part, [])]
        return found + (flat(inner) if inner else [])

    return flat(
        [task for path in (ROLE / "tasks").glob("*.yml") for task in yaml.safe_load(path.read_text())]
    )


def tags_of(task: dict[str, Any]) -> list[str]:
    tags = task.get("tags", [])
    return [tags] if isinstance(tags, str) else tags


def test_every_item_says_why_it_is_not_as_the_benchmark_has_it():
    for name, item in CATALOGUE.items():
        differs = item.get("disposition", "applied") != "applied"
        assert bool(item.get("reason")) is differs, name
        assert item["title"], name


def test_the_readme_tells_what_is_not_as_the_benchmark_has_it():
    assert hardening_table.written() == hardening_table.table(), (
        "run python -m tests.unit.roles.hardening_table"
    )


@pytest.mark.parametrize("name", [name for name in CARRIED_OUT if name.startswith(OURS)])
def test_every_item_that_is_carried_out_has_a_task_with_its_tag(name: str):
    own = [task for task in tasks() if name in tags_of(task)]

    assert own or name in NO_TASK, name


#: Follow from others: the firewall's table needs nftables, which the packages' task installs.
NO_TASK = {"linux-1.3.1.1", "linux-4.3.1"}


def test_a_task_is_named_by_its_items_and_every_tag_is_an_item():
    for task in tasks():
        for tag in tags_of(task):
            assert tag == "always" or tag in CATALOGUE, task["name"]
        if set(tags_of(task)) - {"always"}:
            assert re.match(r"(CIS [\d.]+|Lynis )", task["name"]), task["name"]


def test_no_module_that_kubernetes_needs_is_ever_disabled():
    text = "\n".join(path.read_text() for path in (ROLE / "tasks").glob("*.yml"))
    disabled = set(re.findall(r"install (\S+) /bin/false", text))

    assert "cramfs" in disabled
    assert disabled.isdisjoint(NEEDED_MODULES)


ONLY_ON_DEBIAN_13 = {"/etc/modprobe.d/keelyard-can.conf", "/etc/systemd/system/sysctl-reapply-network.service"}


@pytest.mark.parametrize("os_type", SYSTEMS)
@pytest.mark.parametrize("excepted", [[], ["linux-3.2.1", "linux-3.3.9"]], ids=["wanted", "excepted"])
def test_what_only_the_benchmark_of_debian_13_asks_for_is_done_there_alone(os_type: str, excepted: list[str]):
    written = {
        file["path"]
        for task in tasks()
        for file in task.get("managed_files", {}).get("files", [])
        if file["path"] in ONLY_ON_DEBIAN_13
        and evaluate(
            "node_hardening",
            task["managed_files"]["wanted"].strip("{} "),
            node_hardening_os_type=os_type,
            node_hardening_on=on(CATALOGUE, os_type, 2, excepted),
        )
    }

    assert written == (ONLY_ON_DEBIAN_13 if os_type == "debian13" and not excepted else set())


@pytest.mark.parametrize(
    ("rule", "item"),
    [
        ("file_permissions_cron_yearly", "linux-2.4.1.6"),
        ("kernel_module_atm_disabled", "linux-3.2.1"),
        ("kernel_module_can_disabled", "linux-3.2.1"),
        ("sysctl_net_ipv4_conf_all_forwarding", "linux-3.3.1"),
        ("sysctl_net_ipv4_conf_default_forwarding", "linux-3.3.1"),
        ("sysctl_reapply_after_network", "linux-3.3.9"),
    ],
)
def test_rules_of_debian_13_that_debian_12_has_no_number_for_belong_to_the_nearest_item(rule: str, item: str):
    assert [name for name, known in CATALOGUE.items() if rule in known.get("rules", [])] == [item]


FIREWALL = {
    "inventory_hostname": "n1",
    "node_hardening_on": on(CATALOGUE, "debian12", 2, []),
    "node_hardening_addresses": {"n1": "192.0.2.11", "n2": "192.0.2.12"},
    "node_hardening_control_planes": ["n1"],
    "node_hardening_facts": {"ssh_ports": [22, 2222]},
    "node_hardening_pod_cidr": "10.244.0.0/16",
    "node_hardening_cni": "flannel",
    "node_hardening_ingress": "none",
    "node_hardening_node_ports": "30000-32767",
    "node_hardening_open_ports": [],
}


def firewall(**changed: Any) -> list[str]:
    """The firewall's lines, without comments."""
    text = render("node_hardening", "firewall.nft.j2", **FIREWALL | changed)
    return [line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]


@pytest.mark.parametrize("os_type", SYSTEMS)
def test_the_firewall_of_a_control_plane_lets_in_exactly_what_it_needs(os_type: str):
    lines = firewall(node_hardening_on=on(CATALOGUE, os_type, 1, []))

    accepts = [line for line in lines if line.endswith("accept")]
    assert "tcp dport { 22, 2222 } accept" in accepts
    assert "tcp dport 6443 accept" in accepts
    assert "ip saddr { 192.0.2.11 } tcp dport { 2379, 2380 } accept" in accepts
    assert "ip saddr { 192.0.2.11, 192.0.2.12 } tcp dport 10250 accept" in accepts
    assert "ip saddr { 192.0.2.11, 192.0.2.12 } udp dport 8472 accept" in accepts
    assert "ct state established,related accept" in accepts
    assert len([line for line in lines if "policy drop" in line]) == 1
    assert 'iifname != "lo" ip saddr 127.0.0.0/8 counter drop' in lines


def test_a_worker_serves_neither_the_api_nor_etcd():
    text = "\n".join(firewall(inventory_hostname="n2"))

    assert "6443" not in text
    assert "2379" not in text
    assert "tcp dport 10250" in text


def test_the_pod_network_and_the_ingress_decide_about_their_ports():
    assert "8472" not in "\n".join(firewall(node_hardening_cni="bridge"))
    assert "tcp dport { 80, 443 } accept" in firewall(node_hardening_ingress="nginx")
    assert "udp dport 51820 accept" in firewall(node_hardening_open_ports=["udp 51820"])


def test_the_firewall_touches_its_own_table_alone_and_never_drops_what_is_forwarded():
    lines = firewall()

    assert "flush ruleset" not in "\n".join(lines)
    assert {line for line in lines if "table" in line} == {
        "table inet keelyard", "delete table inet keelyard", "table inet keelyard {",
    }  # fmt: skip
    forward = lines[lines.index("chain forward {") :]
    assert "type filter hook forward priority filter; policy accept;" in forward
    assert not [line for line in forward if "drop" in line or "reject" in line]


def test_addresses_of_both_families_are_told_apart():
    lines = firewall(node_hardening_addresses={"n1": "2001:db8::1", "n2": "192.0.2.12"})

    assert "ip6 saddr { 2001:db8::1 } tcp dport { 2379, 2380 } accept" in lines
    assert "ip saddr { 192.0.2.12 } udp dport 8472 accept" in lines


@pytest.mark.parametrize("template", ["apt-updates.j2", "dnf-automatic.conf.j2"])
def test_updates_never_restart_a_node_or_touch_what_keelyard_updates(template: str):
    text = render("node_hardening", template)

    assert 'Automatic-Reboot "false"' in text or "reboot = never" in text
    for name in ("kubelet", "kubeadm", "kubectl", "containerd"):
        assert re.search(name.replace("kube", r"kube\(?.*"), text), name


@pytest.mark.parametrize("family", ["Debian", "RedHat"])
def test_every_family_has_its_packages(family: str):
    variables = yaml.safe_load((ROLE / "vars" / "main.yml").read_text())
    known = variables["__node_hardening_unwanted"]

    assert set(known["Debian"]) == set(known["RedHat"])
    assert set(variables["__node_hardening_needed"][family]) <= set(CATALOGUE)
    assert (ROLE / "tasks" / f"packages_{family}.yml").exists()


facts = module("hardening_facts", "node_hardening")


def chain(table: str, hook: str, policy: str = "accept", family: str = "ip") -> dict[str, Any]:
    return {"chain": {"family": family, "table": table, "name": hook.upper(), "hook": hook, "policy": policy}}


def rule(table: str, hook: str, *expressions: dict[str, Any]) -> dict[str, Any]:
    return {"rule": {"family": "ip", "table": table, "chain": hook.upper(), "expr": list(expressions)}}


@pytest.mark.parametrize(
    "ruleset",
    [
        [chain("filter", "input", "drop")],
        [chain("filter", "forward", "drop")],
        [
            chain("firewalld", "input"),
            rule("firewalld", "input", {"counter": {}}, {"reject": {"type": "icmpx"}}),
        ],
        [chain("mine", "input"), rule("mine", "input", {"drop": None})],
    ],
    ids=["input policy", "forward policy", "reject at the end", "drop at the end"],
)
def test_another_firewall_that_drops_is_seen(ruleset: list[dict[str, Any]]):
    assert len(facts.foreign_drops({"nftables": ruleset})) == 1


@pytest.mark.parametrize(
    "ruleset",
    [
        [],
        [chain("keelyard", "input", "drop", "inet")],
        [chain("filter", "output", "drop")],
        [chain("filter", "input"), rule("filter", "input", {"jump": {"target": "KUBE-FIREWALL"}})],
        [chain("filter", "input"), rule("filter", "input", {"match": {}}, {"drop": None})],
    ],
    ids=["nothing", "our own", "output", "kube-proxy", "a drop with a condition"],
)
def test_what_lets_kubernetes_through_is_no_reason_to_stop(ruleset: list[dict[str, Any]]):
    assert facts.foreign_drops({"nftables": ruleset}) == []


@pytest.mark.parametrize(
    ("configured", "sockets", "ports"),
    [
        ("port 22\nlistenaddress 0.0.0.0:22\nlistenaddress [::]:22\n", "", [22]),
        ("port 22\nlistenaddress 192.0.2.1:2222\n", "", [2222]),
        ("port 22\nport 8022\n", "", [22, 8022]),
        ("", "Listen=[::]:2022 (Stream)\n", [2022]),
    ],
)
def test_ssh_ports_are_those_the_server_listens_on(configured: str, sockets: str, ports: list[int]):
    assert facts.ssh_ports(configured, sockets) == ports


sysctls = module("hardened_sysctls", "node_hardening")


def test_values_of_every_interface_are_kept_over_a_restart():
    text = sysctls.drop_in(
        {"net.ipv4.conf.all.send_redirects": "0", "net.ipv4.conf.default.send_redirects": "0"},
        ["send_redirects"],
    )

    assert text.splitlines()[1:] == [
        "net.ipv4.conf.all.send_redirects = 0",
        "net.ipv4.conf.default.send_redirects = 0",
        "-net.ipv4.conf.*.send_redirects = 0",
    ]
    assert sysctls.drop_in({"kernel.sysrq": "0"}, []) == "# Written by Keelyard.\nkernel.sysrq = 0\n"


mounts = module("mount_options", "node_hardening")


def test_options_are_added_and_never_taken_away():
    assert mounts.with_options("rw,dev,relatime", ["nodev", "nosuid"]) == "rw,relatime,nodev,nosuid"
    assert mounts.with_options("noexec", ["noexec"]) == "noexec"


def test_fstab_keeps_its_lines_and_gets_one_for_memory_file_systems_alone():
    table = "# mine\nUUID=1 /home ext4 defaults 0 2\n"

    assert (
        mounts.table_with(table, "/home", "ext4", ["nodev"])
        == "# mine\nUUID=1 /home ext4 defaults,nodev 0 2\n"
    )
    assert mounts.table_with(table, "/var/log", "ext4", ["nodev"]) == table
    added = mounts.table_with("x", "/dev/shm", "tmpfs", ["nodev", "noexec"])
    assert added == "x\ntmpfs /dev/shm tmpfs defaults,nodev,noexec 0 0\n"
    assert mounts.table_with(added, "/dev/shm", "tmpfs", ["nodev", "noexec"]) == added


def test_a_directory_that_programs_use_is_not_idle(tmp_path: Path):
    (tmp_path / "systemd-private-1").mkdir()
    assert facts.is_idle(str(tmp_path))
    (tmp_path / "session").touch()
    assert not facts.is_idle(str(tmp_path))


files = module("managed_files")


def test_a_file_that_is_not_wanted_any_more_gives_way_to_the_original(tmp_path: Path):
    owned = type("Record", (dict,), {"entries": {}, "drop": lambda self, path: self.entries.pop(path)})()
    original, ours, others = tmp_path / "original", tmp_path / "issue", tmp_path / "motd"
    original.write_text("before\n")
    ours.write_text("Keelyard's\n")
    others.write_text("others'\n")
    owned[str(ours)] = True
    owned.entries[str(ours)] = {"original": str(original)}

    assert files.undo(str(others), owned, check=False) is None
    assert files.undo(str(ours), owned, check=True) is not None
    assert ours.read_text() == "Keelyard's\n"
    assert files.undo(str(ours), owned, check=False) is not None
    assert (ours.read_text(), others.read_text()) == ("before\n", "others'\n")
