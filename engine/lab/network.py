"""Which network a lab gets: a free /24 and the name of the cable to it, both from the lab's name."""

from __future__ import annotations

import hashlib
import ipaddress
import itertools
import json
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from engine.domain import errors

#: Labs live in 10.192.0.0/11, away from the usual ranges of pods (10.244/16) and services (10.96/12).
FIRST_OCTET, OCTETS = 192, 32
SUBNETS = OCTETS * 256
GATEWAY, FIRST_NODE, LAST_NODE = 1, 11, 250


def _digest(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()


def link_name(directory: Path) -> str:
    """What sets a lab apart on this machine, its interface first of all: within the kernel's 15 characters.

    Derived from the whole path, so that labs of two homes may share a name.
    """
    return f"kl-{directory.name[:6].strip('-')}-{_digest(str(directory)).hex()[:4]}"


def choose_subnet(name: str, taken: Iterable[ipaddress.IPv4Network]) -> ipaddress.IPv4Network:
    """The first free /24 at or after the one that the name stands for.

    Raises:
        Conflict: if every one overlaps with a network in `taken`.
    """
    networks = list(taken)
    start = int.from_bytes(_digest(name)[:4]) % SUBNETS
    for step in range(SUBNETS):
        number = (start + step) % SUBNETS
        subnet = ipaddress.IPv4Network(f"10.{FIRST_OCTET + number // 256}.{number % 256}.0/24")
        if not any(subnet.overlaps(network) for network in networks):
            return subnet
    raise errors.Conflict(
        "No free /24 is left for a lab: this machine routes all of 10.192.0.0/11.",
        remedy="Take down a lab, or leave a /24 of that range unrouted.",
    )


def machine_networks() -> list[ipaddress.IPv4Network]:
    """Every IPv4 network that this machine has an address in or a route to, but for the default route."""
    return [*_addresses(_ip("addr")), *_routes(_ip("route", "show", "table", "all"))]


def _ip(*arguments: str) -> list[dict[str, Any]]:
    ran = subprocess.run(["ip", "-json", "-4", *arguments], capture_output=True, text=True, check=False)
    if ran.returncode != 0:
        raise errors.KeelyardError(f"`ip {arguments[0]}` failed: {ran.stderr.strip()}.")
    decoded: list[dict[str, Any]] = json.loads(ran.stdout or "[]")
    return decoded


def _addresses(links: list[dict[str, Any]]) -> list[ipaddress.IPv4Network]:
    addresses = itertools.chain.from_iterable(link.get("addr_info", []) for link in links)
    return [ipaddress.IPv4Network(f"{one['local']}/{one['prefixlen']}", strict=False) for one in addresses]


def _routes(routes: list[dict[str, Any]]) -> list[ipaddress.IPv4Network]:
    destinations = (str(route.get("dst", "default")) for route in routes)
    return [
        ipaddress.IPv4Network(to, strict=False) for to in destinations if to not in {"default", "0.0.0.0/0"}
    ]
