"""Starts, shows and ends labs: decides names and addresses here, leaves the doing to the `lab_node` role."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Literal

import msgspec

from engine import content
from engine.domain import errors
from engine.lab import network, records, watches
from engine.lab.play import Narrate, play, script

#: Inotify instances that a node of a cluster holds, rounded up; the kernel counts them machine-wide.
INSTANCES_PER_NODE = 10

NodeState = Literal["running", "booting", "stopped"]


class NodeStatus(msgspec.Struct, kw_only=True):
    """What is really there of one node."""

    name: str
    address: str
    state: NodeState
    pid: int | None


class LabStatus(msgspec.Struct, kw_only=True):
    """What is really there of one lab."""

    name: str
    system: str
    subnet: str
    bridge: str
    state: Literal["running", "degraded", "stopped"]
    user: str
    private_key: str
    known_hosts: str
    nodes: list[NodeStatus]


def silent(_: str) -> None:
    """Narrates nothing."""


def up(
    name: str = "lab",
    *,
    nodes: int = 2,
    system: str = "debian12",
    mirror: str | None = None,
    narrate: Narrate = silent,
) -> records.Lab:
    """Makes the lab have at least `nodes` running nodes: starts stopped ones, adds missing ones.

    `mirror` is the Debian mirror for a base image that is not there yet: by default `KEELYARD_DEBIAN_MIRROR`,
    else what this machine's apt uses. Returns when every node answers over SSH and has booted.

    Raises:
        InvalidSpec: a name, system or number of nodes that cannot be.
        Conflict: the lab exists with another system.
        RunFailed: a node did not come up.
    """
    _check_machine()
    records.check_name(name)
    _check_system(system)
    with records.locked(records.directory(name)):
        lab = _record(name, nodes, system)
        variables = _identity(name) | {
            "lab_node_gateway": f"{_host(lab, network.GATEWAY)}/24",
            "lab_node_system": lab.system,
            "lab_node_image_directory": str(content.cache() / "lab"),
            "lab_node_mirror": mirror or os.environ.get("KEELYARD_DEBIAN_MIRROR", ""),
            "lab_node_nodes": [{"name": node.name, "address": node.address} for node in lab.nodes],
        }
        try:
            play(variables, narrate)
        except errors.RunFailed as error:
            raise errors.RunFailed(error.message, remedy=watches.remedy()) from error
        running = _pids(name)
        for node in lab.nodes:
            node.pid = running.get(node.name)
        records.save(lab)
    return lab


def down(name: str = "lab", *, narrate: Narrate = silent) -> None:
    """Ends the lab and removes all it left, whatever state it is in; a lab that is not there is no error.

    Raises:
        RunFailed: something of the lab could not be ended.
    """
    _check_machine()
    records.check_name(name)
    with records.locked(records.directory(name)):
        play(_identity(name) | {"lab_node_state": "absent"}, narrate)
    with contextlib.suppress(OSError):  # the last lab is gone: so is the directory of labs
        records.root().rmdir()


def status(name: str) -> LabStatus:
    """Compares the record of the lab with the machine.

    Raises:
        NotFound: there is no such lab.
    """
    lab = records.load(name)
    running = _pids(name)
    nodes = [
        NodeStatus(
            name=node.name, address=node.address, state=_state(node, running), pid=running.get(node.name)
        )
        for node in lab.nodes
    ]
    states = {node.state for node in nodes}
    whole: Literal["running", "degraded", "stopped"] = "degraded"
    if len(states) == 1 and "booting" not in states:
        whole = "running" if states == {"running"} else "stopped"
    if "switch" not in running and whole == "running":
        whole = "degraded"
    return LabStatus(
        name=lab.name,
        system=lab.system,
        subnet=lab.subnet,
        bridge=lab.bridge,
        state=whole,
        user=lab.user,
        private_key=lab.private_key,
        known_hosts=lab.known_hosts,
        nodes=nodes,
    )


def _check_machine() -> None:
    if sys.platform != "linux" or os.geteuid() != 0:
        raise errors.KeelyardError(
            "A lab needs root on a Linux machine: it makes namespaces, mounts and control groups.",
            remedy="Run the command again as root.",
        )


def _check_system(system: str) -> None:
    if system not in records.SYSTEMS:
        message = f"{system!r} is not one of {', '.join(records.SYSTEMS)}"
        raise errors.InvalidSpec([errors.FieldProblem("system", message)])


def _check_count(name: str, nodes: int) -> None:
    if nodes < 1:
        raise errors.InvalidSpec([errors.FieldProblem("nodes", "a lab has at least one node")])
    instances = int(Path("/proc/sys/fs/inotify/max_user_instances").read_text())
    room = min(max(instances // INSTANCES_PER_NODE, 1), network.LAST_NODE - network.FIRST_NODE + 1)
    others = sum(len(lab.nodes) for lab in records.load_all() if lab.name != name)
    if nodes + others > room:
        elsewhere = f", and other labs have {others}" if others else ""
        message = (
            f"{nodes} are too many: this machine has room for {room} nodes{elsewhere} "
            f"(fs.inotify.max_user_instances is {instances}, a node takes up to {INSTANCES_PER_NODE})"
        )
        raise errors.InvalidSpec([errors.FieldProblem("nodes", message)])


def _record(name: str, nodes: int, system: str) -> records.Lab:
    """The lab as it is to be; written down before it starts, so that other labs keep off its network."""
    with records.locked(records.root()):
        lab = records.find(name)
        _check_count(name, max(nodes, len(lab.nodes) if lab else 0))
        if lab is None:
            lab = _new(name, system)
        elif lab.system != system:
            raise errors.Conflict(
                f"Lab {name!r} exists with {lab.system}, not {system}.",
                remedy=f"Take it down with `keelyard lab down --name {name}`, or choose another name.",
            )
        for number in range(len(lab.nodes), nodes):
            address = str(_host(lab, network.FIRST_NODE + number))
            lab.nodes.append(records.LabNode(name=f"{name}-{number + 1}", address=address))
        records.save(lab)
    return lab


def _new(name: str, system: str) -> records.Lab:
    taken = [ipaddress.IPv4Network(other.subnet) for other in records.load_all()]
    home = records.directory(name)
    return records.Lab(
        name=name,
        system=system,
        subnet=str(network.choose_subnet(name, [*network.machine_networks(), *taken])),
        bridge=network.link_name(home),
        user="root",
        private_key=str(home / "key"),
        known_hosts=str(home / "known_hosts"),
        nodes=[],
    )


def _host(lab: records.Lab, number: int) -> ipaddress.IPv4Address:
    return ipaddress.IPv4Network(lab.subnet)[number]


def _identity(name: str) -> dict[str, object]:
    home = records.directory(name)
    return {"lab_node_lab": network.link_name(home), "lab_node_directory": str(home)}


def _pids(name: str) -> dict[str, int]:
    """The oldest process of each unit of the lab that has any."""
    home = records.directory(name)
    ran = subprocess.run(
        ["bash", str(script()), "pids", network.link_name(home), str(home)],
        capture_output=True,
        text=True,
        check=True,
    )
    units = (line.split() for line in ran.stdout.splitlines())
    return {unit[0]: int(unit[1]) for unit in units if len(unit) == 2}


def _state(node: records.LabNode, running: dict[str, int]) -> NodeState:
    if node.name not in running:
        return "stopped"
    try:
        socket.create_connection((node.address, 22), timeout=1).close()
    except OSError:
        return "booting"
    return "running"
