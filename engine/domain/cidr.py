"""Rules for address ranges."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def parse(text: str) -> Network:
    """The network a CIDR names; raises ValueError with the reason when host bits are set or it is none."""
    return ipaddress.ip_network(text, strict=True)


def overlaps(first: str, second: str) -> bool:
    """Whether two CIDRs share an address; different IP families never do."""
    one, other = parse(first), parse(second)
    return one.version == other.version and one.overlaps(other)


def containing(networks: Iterable[str], address: str) -> str | None:
    """The first of the networks that holds the address."""
    wanted = ipaddress.ip_address(address)
    return next((network for network in networks if wanted in parse(network)), None)
