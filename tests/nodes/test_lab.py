"""The lab itself: nodes that behave as machines, and nothing left of them afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from engine import lab as labs
from engine.domain import errors
from engine.lab import records

MACHINE_SETTINGS = (
    "net/ipv4/ip_forward",
    "net/bridge/bridge-nf-call-iptables",
    "vm/overcommit_memory",
    "kernel/panic",
    "fs/inotify/max_user_instances",
)


def machine_settings() -> dict[str, str]:
    paths = {key: Path("/proc/sys") / key for key in MACHINE_SETTINGS}
    return {key: path.read_text() for key, path in paths.items() if path.exists()}


def _processes_with(*words: str) -> set[int]:
    """Live processes that have one of the words in their command line or in the name of a control group."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_text(errors="replace")
            groups = (entry / "cgroup").read_text()
        except OSError:
            continue
        # What init has not reaped yet has no command line and holds nothing.
        if command and any(word in command + groups for word in words):
            found.add(int(entry.name))
    return found - {os.getpid()}


def _network_namespaces() -> set[str]:
    found = set()
    for entry in Path("/proc").glob("[0-9]*/ns/net"):
        try:
            found.add(str(entry.readlink()))
        except OSError:
            continue
    return found


def remains(lab: labs.Lab) -> dict[str, object]:
    """All that the machine still has of the lab."""
    directory = str(records.directory(lab.name))
    links = subprocess.run(["ip", "-brief", "link"], capture_output=True, text=True, check=True).stdout
    groups = subprocess.run(
        ["find", "/sys/fs/cgroup", "-type", "d", "-name", f"*{lab.bridge}*"],
        capture_output=True,
        text=True,
        check=False,  # groups of others may vanish meanwhile
    ).stdout
    found = {
        "processes": _processes_with(directory, lab.bridge),
        "mounts": [line for line in Path("/proc/mounts").read_text().splitlines() if directory in line],
        "links": [line for line in links.splitlines() if lab.bridge in line],
        "groups": groups.split(),
        "files": list(records.root().glob(f"*{lab.name}*")),
    }
    return {kind: what for kind, what in found.items() if what}


def test_nodes_are_told_apart_and_booted_whole(lab, on_node):
    first, second = lab.nodes
    assert on_node(lab, first, "systemctl is-system-running; hostname").split() == ["running", first.name]
    for path in ("/etc/machine-id", "/etc/ssh/ssh_host_ed25519_key.pub", "/sys/class/net/eth0/address"):
        assert on_node(lab, first, f"cat {path}") != on_node(lab, second, f"cat {path}")


def test_both_users_get_in_and_the_operator_becomes_root_without_a_password(lab, on_node):
    assert on_node(lab, lab.nodes[0], "id -un") == "root"
    assert on_node(lab, lab.nodes[1], "id -un; sudo -n id -un", user="ops").split() == ["ops", "root"]


def test_nodes_reach_each_other_by_name(lab, on_node):
    first, second = lab.nodes
    on_node(lab, first, f"ping -c 1 -W 5 {second.name}")
    on_node(lab, second, f"ping -c 1 -W 5 {first.name}")


def test_a_node_changes_settings_of_its_own_and_none_of_the_machine(lab, on_node):
    before = machine_settings()
    on_node(lab, lab.nodes[0], "sysctl -w vm.overcommit_memory=1 kernel.panic=7 net.ipv4.ip_forward=1")
    assert on_node(lab, lab.nodes[0], "sysctl -n vm.overcommit_memory kernel.panic").split() == ["1", "7"]
    assert on_node(lab, lab.nodes[0], "date -s 2001-01-01 >/dev/null 2>&1 || echo refused") == "refused"
    assert machine_settings() == before


def test_kernel_modules_and_limits_behave_as_provisioning_expects(lab, on_node):
    on_node(
        lab,
        lab.nodes[0],
        "modprobe overlay && modprobe br_netfilter && ! modprobe no_such_module 2>/dev/null",
    )
    on_node(lab, lab.nodes[0], 'systemd-run --wait -q -p MemoryMax=64M true && test -z "$(swapon --show)"')
    on_node(
        lab, lab.nodes[0], "nft add table inet t && nft delete table inet t && systemctl is-active chrony"
    )


def test_status_tells_what_runs_and_starting_again_changes_nothing(lab):
    before = labs.status(lab.name)
    assert before.state == "running"
    assert [node.state for node in before.nodes] == ["running", "running"]
    again = labs.up(lab.name, nodes=1)
    assert [node.pid for node in again.nodes] == [node.pid for node in before.nodes]


def test_a_reboot_keeps_what_is_on_disk_and_drops_what_is_not(lab, on_node, eventually):
    node = lab.nodes[1]
    identity = on_node(lab, node, "cat /etc/machine-id")
    on_node(
        lab,
        node,
        "echo kept >/root/note; sysctl -qw net.ipv4.ip_forward=1; ip route add 10.9.9.0/24 dev eth0",
    )
    started = on_node(lab, node, "stat -c %Z /proc/1")
    on_node(lab, node, "systemctl reboot", check=False)
    eventually(lambda: on_node(lab, node, "stat -c %Z /proc/1", check=False) not in {"", started})
    assert on_node(lab, node, "cat /root/note /etc/machine-id").split() == ["kept", identity]
    assert on_node(lab, node, "sysctl -n net.ipv4.ip_forward; ip route show 10.9.9.0/24") == "0"


def test_another_system_for_the_same_lab_is_refused(lab):
    with pytest.raises(errors.Conflict, match="debian12, not debian13"):
        labs.up(lab.name, system="debian13")


def test_more_nodes_than_the_machine_has_room_for_are_refused(lab):
    with pytest.raises(errors.InvalidSpec, match="max_user_instances"):
        labs.up(lab.name, nodes=240_000)
    assert len(labs.load(lab.name).nodes) == 2


def test_down_leaves_nothing_behind(make_lab, on_node):
    before = machine_settings()
    with make_lab(nodes=1) as lab:
        assert remains(lab).keys() == {"processes", "links", "groups", "files"}
        namespaces = {str(Path(f"/proc/{pid}/ns/net").readlink()) for pid in remains(lab)["processes"]}
        namespaces -= {str(Path("/proc/self/ns/net").readlink())}
        on_node(lab, lab.nodes[0], "systemd-run -q sleep infinity")
        assert namespaces
    assert remains(lab) == {}
    assert not namespaces & _network_namespaces()
    assert machine_settings() == before


def test_a_lab_grows_and_its_stopped_nodes_start_again(make_lab, on_node, eventually):
    with make_lab(nodes=1) as lab:
        first = lab.nodes[0]
        on_node(lab, first, "echo kept >/root/note; systemctl poweroff", check=False)
        eventually(lambda: labs.status(lab.name).nodes[0].state == "stopped")
        assert labs.status(lab.name).state == "stopped"
        grown = labs.up(lab.name, nodes=2)
        assert on_node(grown, first, f"cat /root/note; getent hosts {grown.nodes[1].name}").startswith("kept")


def test_two_labs_stand_side_by_side_and_do_not_hear_each_other(make_lab, on_node):
    with make_lab() as one:
        with make_lab(system="debian13") as other:
            assert one.subnet != other.subnet
            assert "trixie" in on_node(other, other.nodes[0], "cat /etc/os-release")
            heard = on_node(
                one, one.nodes[0], f"ping -c 1 -W 1 {other.nodes[0].address} && echo heard", check=False
            )
            assert "heard" not in heard
        assert remains(other) == {}
        assert labs.status(one.name).state == "running"


def test_a_killed_supervisor_takes_its_node_along_and_down_still_cleans_up(make_lab, eventually):
    with make_lab(nodes=2) as lab:
        killed = labs.status(lab.name).nodes[0]
        assert killed.pid
        os.kill(killed.pid, signal.SIGKILL)
        eventually(lambda: labs.status(lab.name).nodes[0].state == "stopped")
        assert labs.status(lab.name).state == "degraded"
    assert remains(lab) == {}


def test_a_lab_whose_record_is_lost_is_taken_down_all_the_same(make_lab):
    with make_lab() as lab:
        (records.directory(lab.name) / "lab.json").unlink()
    assert remains(lab) == {}
