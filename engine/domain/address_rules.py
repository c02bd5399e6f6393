"""Rules for the addresses of nodes, pods and services."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Generator, Iterator

from engine.domain import cidr
from engine.domain.errors import FieldProblem
from engine.domain.specs import Networking, NodeSpec

NODE_PREFIX = 24  # pod addresses of one node
SERVICE_PREFIXES = range(12, 29)  # kubeadm refuses more than 20 bits; fewer than 16 addresses hold no cluster
POD_PREFIXES = range(8, NODE_PREFIX + 1)

_DOMAIN_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"{_DOMAIN_LABEL}(\.{_DOMAIN_LABEL})*")


def canonical(address: str) -> str:
    """One spelling per address, so that two spellings of one address are seen to be equal."""
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return address


def node_address_problem(address: str, own_addresses: Collection[str] = ()) -> str | None:
    """Why a machine at this address cannot be a node; None when it can."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "is not an IP address"
    if parsed.is_loopback or str(parsed) in own_addresses:
        return f"{parsed} is Keelyard's own machine"
    if parsed.is_unspecified or parsed.is_multicast or parsed.is_link_local or _is_reserved(parsed):
        return f"{parsed} is not the address of one machine"
    if parsed.version != 4:
        return f"{parsed} is an IPv6 address; nodes need an IPv4 address in this version"
    return None


def _is_reserved(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return address.is_reserved or (address.version == 4 and int(address) >> 24 == 0)


def problems(networking: Networking, nodes: tuple[NodeSpec, ...]) -> Iterator[FieldProblem]:
    """Problems of the cluster's own ranges, each alone, against each other and against the nodes."""
    pods = yield from _range("networking.pod_cidr", networking.pod_cidr, POD_PREFIXES)
    services = yield from _range("networking.service_cidr", networking.service_cidr, SERVICE_PREFIXES)
    if pods and services and cidr.overlaps(pods, services):
        yield FieldProblem("networking.service_cidr", f"{services} overlaps networking.pod_cidr {pods}")
    for field, network in (("networking.pod_cidr", pods), ("networking.service_cidr", services)):
        if network:
            yield from _nodes_inside(field, network, nodes)
    if pods and (room := 2 ** (NODE_PREFIX - cidr.parse(pods).prefixlen)) < len(nodes):
        yield FieldProblem(
            "networking.pod_cidr", f"{pods} has room for {room} nodes; nodes lists {len(nodes)}"
        )
    if len(networking.dns_domain) > 253 or not _DOMAIN.fullmatch(networking.dns_domain):
        yield FieldProblem(
            "networking.dns_domain", "is not a domain name in lower case, such as cluster.local"
        )


def _range(field: str, text: str, prefixes: range) -> Generator[FieldProblem, None, str | None]:
    """Yields what is wrong with one range and returns it when it can be used further."""
    try:
        network = cidr.parse(text)
    except ValueError as error:
        yield FieldProblem(field, f"is not a network: {error}"[:200])
        return None
    if network.version != 4:
        yield FieldProblem(field, "is an IPv6 network; only IPv4 is available in this version")
        return None
    if (
        network.is_multicast
        or network.is_loopback
        or network.is_link_local
        or network.network_address.is_unspecified
    ):
        yield FieldProblem(field, f"{network} cannot be routed in a cluster")
        return None
    if network.prefixlen not in prefixes:
        yield FieldProblem(
            field, f"{network} must have a prefix from /{prefixes.start} to /{prefixes.stop - 1}"
        )
    return text


def _nodes_inside(field: str, network: str, nodes: tuple[NodeSpec, ...]) -> Iterator[FieldProblem]:
    for index, node in enumerate(nodes):
        try:
            inside = cidr.containing([network], node.ip_address)
        except ValueError:  # told already, at the node
            continue
        if inside:
            yield FieldProblem(field, f"{network} holds the address of nodes.{index}, {node.ip_address}")
