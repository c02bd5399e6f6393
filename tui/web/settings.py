"""How the browser terminal is reached, and what it allows."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

type Networks = tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]

LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, kw_only=True)
class Address:
    """What people type, taken apart: the origins their browsers may name, and the path in front of ours."""

    origins: frozenset[str]
    prefix: str  # "" or "/tui"
    secure: bool

    @classmethod
    def of(cls, url: str) -> Address:
        """Raises ValueError for what is not the address of a page."""
        parts = urlsplit(url)
        prefix = parts.path.rstrip("/")
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username is not None:
            raise ValueError(f"{url!r} is not an address such as https://yard.example/tui/.")
        if parts.query or parts.fragment or not re.fullmatch(r"(/[A-Za-z0-9._~-]+)*", prefix):
            raise ValueError(f"{url!r} has more than a host and a plain path.")
        default = {"http": 80, "https": 443}[parts.scheme]
        port = "" if parts.port in {None, default} else f":{parts.port}"
        # Somebody on this machine types either name of it; a page of another host can name none of them.
        hosts = LOOPBACK if parts.hostname in LOOPBACK else (parts.hostname,)
        written = [f"[{host}]" if ":" in host else host for host in hosts]
        return cls(
            origins=frozenset(f"{parts.scheme}://{host}{port}" for host in written),
            prefix=prefix,
            secure=parts.scheme == "https",
        )

    @property
    def is_exposed(self) -> bool:
        """Whether passwords travel unencrypted beyond this machine."""
        return not self.secure and not any(origin.startswith("http://localhost") for origin in self.origins)


@dataclass(frozen=True, kw_only=True)
class WebSettings:
    """Everything the browser terminal is told."""

    address: Address
    api_url: str
    read_only: bool = False
    host: str = "127.0.0.1"
    port: int = 3001
    seats_per_user: int = 3
    seats: int = 32
    idle_seconds: float = 1800.0
    trusted_proxies: Networks = ()


def networks(text: str) -> Networks:
    """Comma-separated networks. Raises ValueError naming the one that is none."""
    return tuple(ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip())


def client_address(peer: str, forwarded: str, trusted: Networks) -> str:
    """Who is asking: the peer, or, behind trusted proxies, the nearest address that is none of them."""
    if not _within(peer, trusted):
        return peer
    hops = [part.strip() for part in forwarded.split(",") if part.strip()]
    return next((hop[:64] for hop in reversed(hops) if not _within(hop, trusted)), peer)


def _within(address: str, among: Networks) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(parsed.version == network.version and parsed in network for network in among)
