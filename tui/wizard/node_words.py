"""What lists of nodes are made of: addresses, ports, systems, names, and words for what cannot be read."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

MOST_NODES = 256
_SYSTEM = re.compile(r"(rocky|ubuntu|rhel|debian)[ -]?(\d+)(\.\d+)?", re.IGNORECASE)


@dataclass
class Found:
    """One node as far as a list says it."""

    name: str = ""
    ip_address: str = ""
    role: str = ""
    os_type: str = ""
    ssh_port: int = 22
    fingerprint: str = ""
    line: int = 0
    source: str = ""


@dataclass(frozen=True)
class Unread:
    """A line that could not be read."""

    line: int
    source: str
    why: str


class Unreadable(ValueError):
    """Why a line cannot be read; its message is for the operator."""


def address(text: str) -> str:
    """An address in its one spelling. Raises Unreadable."""
    try:
        return str(ipaddress.ip_address(text.strip()))
    except ValueError as error:
        raise Unreadable(f"{text[:60]!r} is not an IP address") from error


def port(text: str) -> int:
    """A port. Raises Unreadable."""
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and 1 <= int(text) <= 65535):
        raise Unreadable(f"{text[:20]!r} is not a port: 1 to 65535")
    return int(text)


def system(text: str) -> str:
    """An operating system as the API calls it (Ubuntu 22.04: ubuntu22); empty for another word."""
    match = _SYSTEM.fullmatch(text.strip())
    return f"{match[1].lower()}{match[2]}" if match else ""


def short_name(text: str) -> str:
    """A host's name as a node's name: its first label, in lower case; empty for an address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return text.lower().partition(".")[0]
    return ""
