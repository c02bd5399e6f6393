"""SSH host keys: learned once, pinned for good, and what to say when one changed."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import subprocess
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from engine.domain.errors import ServiceUnavailable

SCAN_SECONDS = 5
_SCANNED_TYPES = "ed25519,ecdsa,rsa"
_SENT_FINGERPRINT = re.compile(r"host is\s+(SHA256:\S+?)\.?\s")


class HostKey(msgspec.Struct, frozen=True):
    """A public host key: its type, its base64 text and its fingerprint (`SHA256:...`)."""

    type: str
    key: str
    fingerprint: str

    @property
    def pinned(self) -> str:
        """The form in which it is recorded: "TYPE BASE64"."""
        return f"{self.type} {self.key}"


def parse(pinned: str) -> HostKey:
    """A recorded "TYPE BASE64" as a host key. Raises ValueError when it is none."""
    kind, _, key = pinned.strip().partition(" ")
    try:
        digest = hashlib.sha256(base64.b64decode(key, validate=True)).digest()
    except binascii.Error as error:
        raise ValueError(f"{pinned!r} is not a host key of the form 'TYPE BASE64'") from error
    return HostKey(type=kind, key=key, fingerprint=f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}")


def scan_host_keys(address: str, port: int = 22, timeout: int = SCAN_SECONDS) -> list[HostKey]:
    """The host keys that a machine shows, best type first; empty when nothing answers within `timeout`
    seconds.
    """
    command = ["ssh-keyscan", "-T", str(timeout), "-p", str(port), "-t", _SCANNED_TYPES, "--", address]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=timeout * 3 + 5, check=False)
    except subprocess.TimeoutExpired:
        return []
    except FileNotFoundError as error:
        raise ServiceUnavailable(
            "ssh-keyscan is not installed on this machine.", remedy="Install the OpenSSH client."
        ) from error
    keys = [
        parse(line.split(" ", 1)[1])
        for line in answer.stdout.splitlines()
        if line and not line.startswith("#")
    ]
    return sorted(set(keys), key=lambda key: (not key.type.endswith("ed25519"), key.type))


def scan_all(
    addresses: Mapping[str, tuple[str, int]], timeout: int = SCAN_SECONDS
) -> dict[str, list[HostKey]]:
    """The host keys of several nodes (name → address, port), asked at the same time; silent ones are left
    out.
    """
    if not addresses:
        return {}
    with ThreadPoolExecutor(max_workers=min(32, len(addresses))) as pool:
        answers = pool.map(lambda place: scan_host_keys(place[0], place[1], timeout), addresses.values())
        return {name: keys for name, keys in zip(addresses, answers, strict=True) if keys}


def known_hosts_line(address: str, port: int, pinned: str) -> str:
    """One line of a known_hosts file."""
    return f"{_known_as(address, port)} {pinned}\n"


def known_in(known_hosts: Path, addresses: Mapping[str, tuple[str, int]]) -> dict[str, tuple[str, ...]]:
    """The keys that a known_hosts file of ours has for nodes (name → address, port); none without the file.

    Lines that a dying writer did not finish are left out.
    """
    found: dict[str, list[str]] = {}
    try:
        lines = known_hosts.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
    except FileNotFoundError:
        return {}
    for line in lines:
        place, _, pinned = line.partition(" ")
        if pinned.endswith("\n"):
            found.setdefault(place, []).append(pinned.strip())
    names = {name: found.get(_known_as(*place)) for name, place in addresses.items()}
    return {name: tuple(keys) for name, keys in names.items() if keys}


def _known_as(address: str, port: int) -> str:
    return address if port == 22 else f"[{address}]:{port}"


def changed_message(node: str, pinned: Iterable[str], complaint: str) -> str | None:
    """What to tell the operator when ssh's complaint is about a host key; None when it is about something
    else.

    `pinned` are the recorded keys of the node, `complaint` is what ssh said.
    """
    changed = "IDENTIFICATION HAS CHANGED" in complaint
    if not changed and "Host key verification failed" not in complaint:
        return None
    expected = ", ".join(parse(key).fingerprint for key in pinned)
    if not expected:
        return (
            f"The host key of {node} could not be learned: it did not answer the first scan. "
            "Check the address, the SSH port and the firewall, then retry."
        )
    sent = _SENT_FINGERPRINT.search(complaint + " ")
    got = sent.group(1) if sent else "a key of another type"
    return (
        f"The host key of {node} changed; expected {expected}, got {got}. Nothing was done on it. "
        "If the machine was reinstalled on purpose, accept its new host key explicitly; "
        "otherwise someone may be in between."
    )
