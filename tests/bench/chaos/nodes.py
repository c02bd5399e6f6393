"""Nodes for many small clusters: addresses in a network namespace, one real OpenSSH server behind them all.

The machines share this kernel's processes and files. That is what makes it possible to see from outside what
a run really did on "its" node: every task writes a line into the node's ledger.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import yaml

from tests.bench.figures import BenchNotPossible
from tests.standins import sshd

NETWORK = "10.213.77"
PORT = 22
PHASES = ("prepare", "install", "start", "verify")
STEPS = 6  # of each phase
STEP_SECONDS = 0.2
START_SECONDS = 20


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """Where the nodes are, how to log in, and where their ledgers lie."""

    addresses: list[str]
    private_key: str
    ledgers: Path
    content: Path


@contextlib.contextmanager
def serving(count: int, directory: Path) -> Iterator[Site]:
    """`count` nodes for the length of a block.

    Raises BenchNotPossible where network namespaces or an SSH server cannot be had.
    """
    if os.geteuid() != 0 or not Path(sshd.SSHD).is_file() or not shutil.which("ip"):
        raise BenchNotPossible("Nodes in a network namespace need root, iproute2 and openssh-server.")
    name = f"keelyard-chaos-{os.getpid()}"
    private, public = sshd.keypair(directory, "operator")
    addresses = [f"{NETWORK}.{10 + number}" for number in range(count)]
    ledgers = directory / "ledgers"
    ledgers.mkdir()
    server: subprocess.Popen[bytes] | None = None
    try:
        _network(name, addresses)
        server = _start(name, directory, public)
        _await(addresses[0])
        content = _content(directory / "content", ledgers)
        yield Site(addresses=addresses, private_key=private, ledgers=ledgers, content=content)
    finally:
        if server is not None:
            server.kill()
            server.wait()
        subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)
        subprocess.run(["ip", "link", "delete", _outside()], check=False, capture_output=True)


def _outside() -> str:
    return f"kych{os.getpid()}"[:15]


def _network(name: str, addresses: list[str]) -> None:
    outside, inside = _outside(), "eth0"
    inside_here = f"kyci{os.getpid()}"[:15]
    commands = [
        f"ip netns add {name}",
        f"ip link add {outside} type veth peer name {inside_here}",
        f"ip link set {inside_here} netns {name} name {inside}",
        f"ip address add {NETWORK}.1/24 dev {outside}",
        f"ip link set {outside} up",
        f"ip -n {name} link set lo up",
        f"ip -n {name} link set {inside} up",
        *(f"ip -n {name} address add {address}/24 dev {inside}" for address in addresses),
    ]
    for command in commands:
        done = subprocess.run(command.split(), capture_output=True, text=True, check=False)
        if done.returncode:
            raise BenchNotPossible(f"{command}: {done.stderr.strip()}")


def _start(name: str, directory: Path, public: str) -> subprocess.Popen[bytes]:
    Path("/run/sshd").mkdir(exist_ok=True)
    sshd.keypair(directory, "host_key")
    (directory / "authorized_keys").write_text(public)
    config = directory / "sshd_config"
    config.write_text(
        f"ListenAddress 0.0.0.0:{PORT}\nHostKey {directory}/host_key\n"
        f"AuthorizedKeysFile {directory}/authorized_keys\nPidFile none\nUsePAM no\nStrictModes no\n"
        "PermitRootLogin yes\nPasswordAuthentication no\nMaxStartups 500\nMaxSessions 100\n"
    )
    command = ["ip", "netns", "exec", name, sshd.SSHD, "-D", "-e", "-f", str(config)]
    return subprocess.Popen(command, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)


def _await(address: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection((address, PORT), timeout=1):
            return
        time.sleep(0.1)
    raise BenchNotPossible(f"The SSH server at {address} did not start.")


def _content(root: Path, ledgers: Path) -> Path:
    """Playbooks whose every task leaves a line on its node: the job, and the number of the step."""
    (root / "playbooks").mkdir(parents=True)
    (root / "roles").mkdir()
    plays = [_play(slug, place * STEPS, ledgers) for place, slug in enumerate(PHASES)]
    (root / "playbooks" / "provision.yml").write_text(yaml.safe_dump(plays, sort_keys=False))
    return root


def _play(slug: str, before: int, ledgers: Path) -> dict[str, Any]:
    return {
        "name": slug.capitalize(),
        "hosts": "k8s_cluster",
        "gather_facts": False,
        "environment": {"KEELYARD_RUN_ID": "{{ keelyard_run_id }}"},
        "vars": {"ansible_python_interpreter": shutil.which("python3") or "/usr/bin/python3"},
        "tags": [slug],
        "tasks": [_task(number, ledgers) for number in range(before + 1, before + STEPS + 1)],
    }


def _task(number: int, ledgers: Path) -> dict[str, Any]:
    line = f"{{{{ keelyard_run_id }}}} {number}"
    ledger = f"{ledgers}/{{{{ keelyard_cluster_name }}}}"
    return {
        "name": f"Step {number}",
        "ansible.builtin.shell": f"echo '{line}' >>'{ledger}'; sleep {STEP_SECONDS}",
    }
