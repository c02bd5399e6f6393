"""Lists of nodes as operators paste them."""

from __future__ import annotations

import pytest

from tui.wizard import node_lists
from tui.wizard.draft import NodeDraft


def read(text: str, **options) -> list[tuple[str, str, str, str, int]]:
    parsed = node_lists.parse(text, **options)
    assert parsed.unread == []
    return [(n.name, n.ip_address, n.role, n.os_type, n.ssh_port) for n in parsed.nodes]


def why(text: str, **options) -> list[tuple[int, str]]:
    return [(one.line, one.why) for one in node_lists.parse(text, **options).unread]


@pytest.mark.parametrize(
    "line",
    [
        "c1 192.0.2.11 control-plane rocky9",
        "192.0.2.11 c1 rocky9 cp",
        "192.0.2.11\tc1\tmaster\tRocky 9.4",
        "C1.example.org, 192.0.2.11, control_plane, rocky9",
        "192.0.2.11;c1;rocky9;control-plane  # the first",
    ],
)
def test_words_of_a_line_may_stand_in_any_sensible_order(line):
    assert read(line) == [("c1", "192.0.2.11", "control-plane", "rocky9", 22)]


def test_what_a_list_leaves_open_is_filled_in():
    """The first node is the control plane, names are made, the system is the one chosen for the list."""
    assert read("192.0.2.11\n192.0.2.12:2222\nw9 192.0.2.13 2200\n", os_type="debian13") == [
        ("control-1", "192.0.2.11", "control-plane", "debian13", 22),
        ("worker-1", "192.0.2.12", "worker", "debian13", 2222),
        ("w9", "192.0.2.13", "worker", "debian13", 2200),
    ]


def test_nodes_listed_already_count():
    listed = [NodeDraft(name="worker-1", ip_address="192.0.2.1", role="control-plane")]
    parsed = node_lists.parse("192.0.2.1\n192.0.2.2", listed=listed)

    assert [(node.name, node.role) for node in parsed.nodes] == [("worker-2", "worker")]
    assert [one.why for one in parsed.unread] == ["192.0.2.1 is listed already"]


def test_csv_with_a_heading_is_read_by_its_columns():
    text = "Hostname,IP,Role,OS,Port\nc1,192.0.2.11,server,ubuntu 22.04,22\nw1,192.0.2.21,agent,,2222\n"
    assert read(text) == [
        ("c1", "192.0.2.11", "control-plane", "ubuntu22", 22),
        ("w1", "192.0.2.21", "worker", "debian12", 2222),
    ]


@pytest.mark.parametrize("span", ["192.0.2.9-192.0.2.11", "192.0.2.9-11"])
def test_a_range_makes_names(span):
    assert [node[:3] for node in read(span)] == [
        ("control-1", "192.0.2.9", "control-plane"),
        ("worker-1", "192.0.2.10", "worker"),
        ("worker-2", "192.0.2.11", "worker"),
    ]


def test_a_network_makes_its_hosts_and_not_its_ends():
    assert [node[:2] for node in read("shop 192.0.2.8/30 worker")] == [
        ("shop-1", "192.0.2.9"),
        ("shop-2", "192.0.2.10"),
    ]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("c1", "names no address"),
        ("c1 c2 192.0.2.1", "names two nodes, c1 and c2"),
        ("192.0.2.1 192.0.2.2", "names two addresses, 192.0.2.1 and 192.0.2.2"),
        ("192.0.2.999 c1", "'192.0.2.999' is not an IP address"),
        ("10.0.0.0/8", "holds 16777214 addresses; a cluster has at most 256 nodes"),
        ("192.0.2.9-192.0.2.1", "192.0.2.9 comes after 192.0.2.1"),
        ("192.0.2.1:0 c1", "'0' is not a port: 1 to 65535"),
        ("192.0.2.1 $(reboot)", "cannot make sense of '$(reboot)'"),
        ("192.0.2.1/99", "'192.0.2.1/99' is not a network"),
    ],
)
def test_a_line_that_cannot_be_read_says_why_and_costs_no_other(line, told):
    parsed = node_lists.parse(f"# nodes\nx1 192.0.2.77\n{line}\n")

    assert [node.name for node in parsed.nodes] == ["x1"]
    assert [(one.line, one.source) for one in parsed.unread] == [(3, line)]
    assert told in parsed.unread[0].why


INI = """
[all:vars]
ansible_user=deploy
[kube_control_plane]
c[1:1].example.org ansible_host=192.0.2.11
[kube_node]
w1 ansible_host=192.0.2.21 ansible_port=2222   # rack 2
w2 ansible_host="{{ lookup('pipe', 'id') }}"
w3
[k8s_cluster:children]
kube_control_plane
kube_node
"""


def test_an_ini_inventory_is_read_by_its_groups_and_nothing_in_it_is_carried_out():
    parsed = node_lists.parse(INI)

    assert [(n.name, n.ip_address, n.role, n.ssh_port) for n in parsed.nodes] == [
        ("c1", "192.0.2.11", "control-plane", 22),
        ("w1", "192.0.2.21", "worker", 2222),
    ]
    assert parsed.username == "deploy"
    assert [(one.line, one.why) for one in parsed.unread] == [
        (8, "w2: its address is a template, which only Ansible can fill in"),
        (9, "w3 has no address: ansible_host must be an IP address"),
    ]


YAML = """
all:
  vars: {ansible_user: deploy}
  children:
    control_plane:
      hosts:
        c1: {ansible_host: 192.0.2.11}
    workers:
      vars: {ansible_port: 2222}
      hosts:
        w1:
          ansible_host: 192.0.2.21
          ansible_password: !vault |
            $ANSIBLE_VAULT;1.1;AES256
        192.0.2.22:
"""


def test_a_yaml_inventory_is_read_by_its_groups():
    parsed = node_lists.parse(YAML)

    assert parsed.unread == []
    assert [(n.name, n.ip_address, n.role, n.ssh_port) for n in parsed.nodes] == [
        ("c1", "192.0.2.11", "control-plane", 22),
        ("w1", "192.0.2.21", "worker", 2222),
        ("worker-1", "192.0.2.22", "worker", 2222),
    ]
    assert parsed.username == "deploy"


def test_the_exported_inventory_of_a_cluster_can_be_pasted():
    text = """
all:
  children:
    k8s_cluster:
      children:
        kube_control_plane:
          hosts:
            control-01: {ansible_host: 192.0.2.10, keelyard_os_type: rocky9, keelyard_machine_id: ""}
"""
    assert read(text) == [("control-01", "192.0.2.10", "control-plane", "rocky9", 22)]


@pytest.mark.parametrize(
    "text",
    [
        "all:\n  hosts: [unclosed\n",
        "all:\n  hosts: !!python/object/apply:os.system ['touch /tmp/never']\n",
        "all:\n  x: 1\n",
        "a: &a\n  children: &b\n    c: *b\n    d: *b\n  hosts: {}\n",
        "all:\n  hosts: " + "[" * 5000 + "\n",
    ],
)
def test_yaml_that_is_no_inventory_is_told_and_harmless(text):
    parsed = node_lists.parse(text)

    assert parsed.nodes == []
    assert parsed.unread


def test_escape_sequences_of_a_terminal_are_dropped():
    assert read("\x1b[31mc1\x1b[0m 192.0.2.11 cp")[0][0] == "c1"
