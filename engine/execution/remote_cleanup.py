"""After a cancel or a crash: ends on the nodes what a run left, and waits for what is never killed midway."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec

from engine.domain.specs import AuthMethod, SshSecrets
from engine.execution import host_keys, remote_sweep, ssh, termination
from engine.execution.redaction import Redactor
from engine.execution.ssh import Access, Place

NEVER_KILLED = (
    *("apt", "apt-get", "aptitude", "dpkg", "dnf", "yum", "microdnf", "rpm", "unattended-upgr"),
    *("kubeadm", "etcdctl", "etcdutl"),
)
WAIT_SECONDS = 1800
# The password is the first line of the input; where sudo does not ask for one, the line is read away.
_SUDO_ASKED = (
    "if sudo -n true 2>/dev/null; then read -r _; exec sudo -n python3 -; "
    "else exec sudo -S -p '' python3 -; fi"
)
_PROGRAM = Path(remote_sweep.__file__).read_text(encoding="utf-8")  # now: it may be replaced during a run
_CONNECTIONS = 64  # at once; each is an ssh process for some seconds


class Orders(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be ended on the nodes."""

    run_ids: Sequence[str]
    wait_seconds: float = WAIT_SECONDS  # for what is never stopped midway
    afterwards: str = "look at the node before the next job"  # what becomes of it when that is over


def clean(
    access: Access, places: Mapping[str, Place], orders: Orders, *, on_message: Callable[[str], None]
) -> None:
    """End what carries the marker of a run on every node, all nodes at once.

    `on_message` hears, in words, what is waited for, how much was ended, and which nodes could not be looked
    at. Package managers, kubeadm and etcd's tools are left alone until they are done, or until the time to
    wait is over.
    """
    if not places:
        return
    redactor = Redactor(access.secrets.values())

    def tell(text: str) -> None:
        on_message(redactor.text(text))

    with ThreadPoolExecutor(max_workers=min(_CONNECTIONS, len(places))) as pool:
        for name, place in places.items():
            pool.submit(_clean_node, access, name, place, orders, tell)


def reap(
    directory: Path,
    places: Mapping[str, Place],
    pinned: Mapping[str, Sequence[str]],
    username: str,
    secrets: SshSecrets,
    orders: Orders,
    *,
    on_message: Callable[[str], None],
) -> None:
    """`clean` for runs whose supervisor is dead: opens its own way in, from a private directory.

    A node whose host key was not recorded yet is trusted on this first contact, as a run would do.
    """
    unknown = {name: (place.address, place.port) for name, place in places.items() if not pinned.get(name)}
    scanned = host_keys.scan_all(unknown)
    known = dict(pinned) | {name: tuple(key.pinned for key in keys) for name, keys in scanned.items()}
    with ssh.open_access(directory, username, secrets) as access:
        access.pin(places, known)
        clean(access, places, orders, on_message=on_message)


def _clean_node(
    access: Access, name: str, place: Place, orders: Orders, on_message: Callable[[str], None]
) -> None:
    try:
        with subprocess.Popen(
            access.command(place, *_remote_command(access)),
            env=access.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(_input(access, orders))
            process.stdin.close()
            for line in process.stdout:
                _report(name, line, orders, on_message)
            complaint = process.stderr.read() if process.stderr else ""
            code = process.wait()
        if code != 0:
            words = ssh.complaint_in_words(name, access.username, access.pinned.get(name, ()), complaint)
            on_message(f"{name}: could not look for processes left by the run: {words}")
    except Exception as error:  # noqa: BLE001 - one node's trouble must not hide the others' results
        on_message(f"{name}: could not look for processes left by the run: {error}")


def _remote_command(access: Access) -> tuple[str, ...]:
    if access.username == "root":
        return ("python3", "-")
    if access.secrets.auth_method is AuthMethod.PASSWORD:
        return (_SUDO_ASKED,)
    return ("sudo", "-n", "python3", "-")


def _input(access: Access, orders: Orders) -> str:
    """What goes to the node's standard input: sudo's password where it is needed, then the program and its
    orders.
    """
    told = {
        "markers": [f"{termination.NODE_MARKER}={run_id}" for run_id in orders.run_ids],
        "spare": NEVER_KILLED,
        "wait_seconds": orders.wait_seconds,
    }
    password = access.secrets.password if access.username != "root" else None
    lead = f"{password}\n" if password and access.secrets.auth_method is AuthMethod.PASSWORD else ""
    return f"{lead}{_PROGRAM}\nsweep({json.dumps(told)!r})\n"


def _report(name: str, line: str, orders: Orders, on_message: Callable[[str], None]) -> None:
    try:
        said: dict[str, Any] = json.loads(line)
    except ValueError:
        return
    if waiting := said.get("waiting"):
        on_message(f"{name}: waiting for {', '.join(waiting)} to finish; it is never stopped midway")
    elif "killed" in said:
        count = said["killed"]
        on_message(f"{name}: ended {count} {'process' if count == 1 else 'processes'} left by the run")
    elif "gave_up" in said:
        on_message(f"{name}: {', '.join(said['gave_up'])} still runs; {orders.afterwards}")
