"""Lists of nodes as operators have them: lines, CSV, ranges, Ansible inventories. Nothing is executed.

What could not be read is told line by line and can be mended and read again.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tui import text as words
from tui.wizard import inventories
from tui.wizard.draft import CONTROL_PLANE, WORKER, NodeDraft
from tui.wizard.node_words import MOST_NODES, Found, Unread, Unreadable, address, port, short_name, system

MOST_CHARACTERS = 500_000

ROLES = {
    **dict.fromkeys(
        ("control-plane", "controlplane", "control_plane", "control", "cp", "master", "server"), CONTROL_PLANE
    ),
    **dict.fromkeys(("worker", "node", "agent", "compute"), WORKER),
}
_COLUMNS = {
    **dict.fromkeys(("name", "host", "hostname", "node"), "name"),
    **dict.fromkeys(("ip", "address", "ip_address", "ip-address", "ipv4"), "ip_address"),
    "role": "role",
    **dict.fromkeys(("os", "os_type", "system"), "os_type"),
    **dict.fromkeys(("port", "ssh_port"), "ssh_port"),
    "fingerprint": "fingerprint",
}
_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_])?")
_SPAN = re.compile(r"(\d+\.\d+\.\d+\.\d+)-(\d+\.\d+\.\d+\.\d+|\d{1,3})")
_PLACE = re.compile(r"(\d+\.\d+\.\d+\.\d+):(\d{1,5})")


@dataclass
class Parsed:
    """What a text says. `username` is the login of an inventory, if it names one for all."""

    nodes: list[NodeDraft] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    username: str = ""


def parse(text: str, *, listed: Sequence[NodeDraft] = (), os_type: str = "debian12") -> Parsed:
    """The nodes that a text names, besides those listed already. `os_type` is for those that do not say."""
    text = words.clean(text[:MOST_CHARACTERS])
    username = ""
    if inventories.looks_like_yaml(text):
        found, unread, username = inventories.from_yaml(text)
    elif inventories.looks_like_ini(text):
        found, unread, username = inventories.from_ini(text)
    else:
        found, unread = _lines(text)
    return _complete(Parsed(unread=unread, username=username), found, listed, os_type)


# --- lines ---


def _lines(text: str) -> tuple[list[Found], list[Unread]]:
    found: list[Found] = []
    unread: list[Unread] = []
    columns: list[str] | None = None
    for number, line in enumerate(text.splitlines(), 1):
        bare = line.partition("#")[0].strip()
        if not bare:
            continue
        cells = _cells(bare)
        if not found and columns is None and (heading := _heading(cells)):
            columns = heading
            continue
        try:
            read = _row(columns, cells) if columns is not None else list(_free(cells))
        except Unreadable as why:
            unread.append(Unread(number, line, str(why)))
            continue
        for node in read:
            node.line, node.source = number, line
        found += read
    return found, unread


def _cells(line: str) -> list[str]:
    if "," in line or ";" in line or "\t" in line:
        return [cell.strip().strip("\"'") for cell in re.split(r"[,;\t]", line)]
    return line.split()


def _heading(cells: list[str]) -> list[str] | None:
    """The members that a first line names, when it names columns and nothing else."""
    members = [_COLUMNS.get(cell.lower().replace(" ", "_"), "") for cell in cells]
    return members if len(cells) > 1 and all(members) and "ip_address" in members else None


def _row(columns: list[str], cells: list[str]) -> list[Found]:
    if len(cells) > len(columns):
        raise Unreadable(f"has {len(cells)} columns; the first line names {len(columns)}")
    node = Found()
    for member, cell in zip(columns, cells, strict=False):
        if cell:
            _set(node, member, cell)
    if not node.ip_address:
        raise Unreadable("has no address")
    return [node]


def _set(node: Found, member: str, cell: str) -> None:
    if member == "role":
        if cell.lower() not in ROLES:
            raise Unreadable(f"{cell[:40]!r} is no role: control-plane or worker")
        node.role = ROLES[cell.lower()]
    elif member == "os_type":
        node.os_type = system(cell) or cell.lower()
    elif member == "ssh_port":
        node.ssh_port = port(cell)
    elif member == "ip_address":
        node.ip_address = address(cell)
    elif member == "name":
        node.name = short_name(cell)
    else:
        node.fingerprint = cell


def _free(cells: list[str]) -> Iterator[Found]:
    """Nodes of one line whose words may stand in any order."""
    said, addresses = Found(), list[str]()
    for cell in filter(None, cells):
        if not _understood(said, addresses, cell):
            raise Unreadable(f"cannot make sense of {cell[:40]!r}")
    if not addresses:
        raise Unreadable("names no address")
    for number, each in enumerate(addresses, 1):
        name = f"{said.name}-{number}" if said.name and len(addresses) > 1 else said.name
        yield Found(name, each, said.role, said.os_type, said.ssh_port, said.fingerprint)


def _understood(said: Found, addresses: list[str], cell: str) -> bool:
    lower = cell.lower()
    if several := _addresses(said, cell):
        if addresses:
            raise Unreadable(f"names two addresses, {addresses[0]} and {several[0]}")
        addresses += several
    elif lower in ROLES and not said.role:
        said.role = ROLES[lower]
    elif system(lower) and not said.os_type:
        said.os_type = system(lower)
    elif cell.startswith("SHA256:"):
        said.fingerprint = cell
    elif cell.isascii() and cell.isdigit():
        said.ssh_port = port(cell)
    elif _NAME.fullmatch(cell):
        if said.name:
            raise Unreadable(f"names two nodes, {said.name} and {cell[:40]}")
        said.name = short_name(cell)
    else:
        return False
    return True


def _addresses(said: Found, cell: str) -> list[str]:
    """The addresses that a word means: one, one with a port, a network, a span; none if it is no address."""
    if place := _PLACE.fullmatch(cell):
        said.ssh_port = port(place[2])
        return [address(place[1])]
    if span := _SPAN.fullmatch(cell):
        first = address(span[1])
        last = address(span[2] if "." in span[2] else f"{first.rpartition('.')[0]}.{span[2]}")
        return _between(first, last)
    if "/" in cell:
        try:
            network = ipaddress.IPv4Network(cell, strict=False)
        except ValueError as error:
            raise Unreadable(f"{cell[:40]!r} is not a network: {error}"[:120]) from error
        _at_most(network.num_addresses - 2)
        return [str(each) for each in network.hosts()]
    if re.fullmatch(r"[\d.]+\.[\d.]+", cell) or (cell.count(":") > 1 and not cell.startswith("SHA256:")):
        return [address(cell)]
    return []


def _between(first: str, last: str) -> list[str]:
    low, high = int(ipaddress.IPv4Address(first)), int(ipaddress.IPv4Address(last))
    if high < low:
        raise Unreadable(f"{first} comes after {last}")
    _at_most(high - low + 1)
    return [str(ipaddress.IPv4Address(each)) for each in range(low, high + 1)]


def _at_most(number: int) -> None:
    if number > MOST_NODES:
        raise Unreadable(f"holds {number} addresses; a cluster has at most {MOST_NODES} nodes")


# --- what a list leaves open ---


def _complete(parsed: Parsed, found: list[Found], listed: Sequence[NodeDraft], os_type: str) -> Parsed:
    """Gives every node a role, a name and a system; refuses what is listed already."""
    addresses = {node.ip_address for node in listed}
    names = {node.name for node in listed} | {node.name for node in found if node.name}
    nobody = not any(role == CONTROL_PLANE for role in [*(n.role for n in listed), *(n.role for n in found)])
    refused: set[int] = set()
    for node in found:
        if node.ip_address in addresses:
            if node.line not in refused:
                refused.add(node.line)
                parsed.unread.append(Unread(node.line, node.source, f"{node.ip_address} is listed already"))
            continue
        addresses.add(node.ip_address)
        if not node.role:
            node.role, nobody = (CONTROL_PLANE, False) if nobody else (WORKER, False)
        node.name = node.name or _made(node.role, names)
        names.add(node.name)
        parsed.nodes.append(
            NodeDraft(
                name=node.name,
                ip_address=node.ip_address,
                role=node.role,
                os_type=node.os_type or os_type,
                ssh_port=node.ssh_port,
                fingerprint=node.fingerprint,
            )
        )
    parsed.unread.sort(key=lambda each: each.line)
    return parsed


def _made(role: str, names: set[str]) -> str:
    stem = "control" if role == CONTROL_PLANE else "worker"
    return next(name for number in range(1, 10**6) if (name := f"{stem}-{number}") not in names)
