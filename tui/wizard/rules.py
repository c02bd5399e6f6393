"""What is wrong with a draft, told before the server has to, by the server's own field names.

The server decides; what needs its eyes (its own addresses, names in use, keys that parse) is left to it.
"""

from __future__ import annotations

import ipaddress
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from tui.wizard.choices import Choices
from tui.wizard.draft import (
    COMPONENTS,
    CONTROL_PLANE,
    COUNTS,
    HARDENING,
    PASSWORD,
    PRIVATE_KEY,
    WORKER,
    Draft,
    ExceptionDraft,
    NodeDraft,
    Secrets,
)

MOST_NODES = 256
_RESERVED = frozenset({"test-ssh", "create", "list"})
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_USERNAME = re.compile(r"[A-Za-z_][A-Za-z0-9._-]{0,31}")
_DOMAIN = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")
_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")
_PREFIXES = {"networking.pod_cidr": range(8, 25), "networking.service_cidr": range(12, 29)}


@dataclass(frozen=True)
class Problem:
    """One wrong field and what is wrong with it."""

    field: str
    message: str


Problems = Iterator[Problem]


def problems(draft: Draft, choices: Choices, secrets: Secrets) -> list[Problem]:
    """Every problem that can be seen from here, in the order of the steps."""
    return [
        *_name(draft),
        *_topology(draft, choices),
        *_nodes(draft, choices),
        *access(draft, secrets),
        *_chosen(draft, choices, COMPONENTS),
        *_networking(draft, choices),
        *_chosen(draft, choices, HARDENING),
        *_exceptions(draft, choices),
    ]


def _name(draft: Draft) -> Problems:
    if not draft.name:
        yield Problem("name", "is required")
    elif not _LABEL.fullmatch(draft.name):
        yield Problem("name", "lower-case letters, digits and hyphens only, beginning and ending without one")
    elif draft.name in _RESERVED:
        yield Problem("name", f"{draft.name!r} is reserved; choose another name")
    elif _is_uuid(draft.name):
        yield Problem("name", "must not have the form of a UUID")
    if len(draft.description) > 1000:
        yield Problem("description", "must be at most 1000 characters")


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


def _topology(draft: Draft, choices: Choices) -> Problems:
    yield from _chosen(draft, choices, ("topology.ha",))
    for field, role in zip(COUNTS, (CONTROL_PLANE, WORKER), strict=True):
        wanted, listed = draft.value(field, choices), draft.count(role)
        if not isinstance(wanted, int):
            yield Problem(field, f"{wanted[:20]!r} is not a number")
        elif role == CONTROL_PLANE and wanted != 1 and not draft.value("topology.ha", choices):
            yield Problem(field, f"must be 1 without high availability; it is {wanted}")
        elif draft.nodes and wanted != listed:
            yield Problem(field, f"is {wanted}, but the nodes step lists {listed} of role {role}")


def _chosen(draft: Draft, choices: Choices, fields: tuple[str, ...]) -> Problems:
    for field in fields:
        value = draft.value(field, choices)
        if value == "":
            yield Problem(field, "is required")
        elif refusal := choices.refusal(field, value):
            yield Problem(field, refusal)


def _nodes(draft: Draft, choices: Choices) -> Problems:
    if not draft.nodes:
        yield Problem("nodes", "lists no node")
    if len(draft.nodes) > MOST_NODES:
        yield Problem("nodes", f"lists {len(draft.nodes)} nodes; at most {MOST_NODES} are supported")
    names: dict[str, str] = {}
    addresses: dict[str, str] = {}
    for index, node in enumerate(draft.nodes):
        at = f"nodes.{index}"
        yield from node_problems(node, choices, at)
        first = names.setdefault(node.name, at)
        if first != at:
            yield Problem(f"{at}.name", f"{node.name!r} is the name of {first} too")
        first = addresses.setdefault(node.ip_address, at)
        if first != at:
            yield Problem(f"{at}.ip_address", f"{node.ip_address} is the address of {first} too")


def node_problems(node: NodeDraft, choices: Choices, at: str) -> Problems:
    """What is wrong with one node by itself."""
    if not _LABEL.fullmatch(node.name):
        yield Problem(f"{at}.name", f"{node.name[:80]!r} is not a name: lower-case letters, digits, hyphens")
    if node.role not in {CONTROL_PLANE, WORKER}:
        yield Problem(f"{at}.role", f"{node.role[:40]!r} is neither {CONTROL_PLANE} nor {WORKER}")
    if message := _address(node.ip_address):
        yield Problem(f"{at}.ip_address", message)
    if refusal := choices.refusal("nodes.os_type", node.os_type):
        yield Problem(f"{at}.os_type", refusal)
    if not 1 <= node.ssh_port <= 65535:
        yield Problem(f"{at}.ssh_port", f"{node.ssh_port} is not a port: 1 to 65535")
    if node.fingerprint and not _FINGERPRINT.fullmatch(node.fingerprint):
        yield Problem(f"{at}.fingerprint", "is not a fingerprint: SHA256: and 43 characters")


def _address(text: str) -> str | None:
    try:
        parsed = ipaddress.ip_address(text)
    except ValueError:
        return f"{text[:60]!r} is not an IP address"
    return None if parsed.version == 4 else "is an IPv6 address; nodes need an IPv4 address in this version"


def access(draft: Draft, secrets: Secrets) -> Problems:
    """What is wrong with the way in; never repeats a secret."""
    if not _USERNAME.fullmatch(draft.username):
        yield Problem("ssh_config.username", "is not a user name: a letter or _, then letters, digits, . _ -")
    if draft.auth_method == PRIVATE_KEY and not secrets.private_key:
        yield Problem("ssh_config.private_key", "is needed: a file, or pasted")
    elif draft.auth_method == PRIVATE_KEY and "PRIVATE KEY-----" not in secrets.private_key:
        yield Problem("ssh_config.private_key", "is not a private key (OpenSSH or PEM)")
    if draft.auth_method == PASSWORD and not secrets.password:
        yield Problem("ssh_config.password", "is needed")
    for member in ("passphrase", "password"):
        if any(ord(character) < 32 or ord(character) == 127 for character in getattr(secrets, member)):
            yield Problem(f"ssh_config.{member}", "holds a line break or another control character")


def _exceptions(draft: Draft, choices: Choices) -> Problems:
    first: dict[str, str] = {}
    for index, each in enumerate(draft.left_out):
        at = f"hardening.exceptions.{index}"
        earlier = first.setdefault(each.id, at)
        kubernetes, linux = HARDENING[:2]
        switch = kubernetes if each.id.startswith("kubernetes-") else linux
        if earlier != at:
            yield Problem(f"{at}.id", f"{each.id[:80]!r} is {earlier} too")
        elif not draft.value(switch, choices):
            yield Problem(f"{at}.id", f"needs {switch}")
        yield from exception_problems(each, f"{at}.")


def exception_problems(exception: ExceptionDraft, at: str) -> Problems:
    """What is wrong with one exception by itself; whether there is such an item, the server knows."""
    if not exception.id:
        yield Problem(f"{at}id", "is needed")
    if not exception.reason:
        yield Problem(f"{at}reason", "is needed: why is it left out?")


def _networking(draft: Draft, choices: Choices) -> Problems:
    ranges: dict[str, ipaddress.IPv4Network] = {}
    for field, prefixes in _PREFIXES.items():
        parsed = _range(str(draft.value(field, choices)), prefixes)
        if isinstance(parsed, str):
            yield Problem(field, parsed)
            continue
        ranges[field] = parsed
        for index, node in enumerate(draft.nodes):
            if _address(node.ip_address) is None and ipaddress.IPv4Address(node.ip_address) in parsed:
                yield Problem(field, f"{parsed} holds the address of nodes.{index}, {node.ip_address}")
    if len(ranges) == 2:
        pods, services = ranges.values()
        if pods.overlaps(services):
            yield Problem("networking.service_cidr", f"{services} overlaps networking.pod_cidr {pods}")
    pods_range = ranges.get("networking.pod_cidr")
    if pods_range is not None and (room := 2 ** (24 - pods_range.prefixlen)) < len(draft.nodes):
        yield Problem("networking.pod_cidr", f"{pods_range} has room for {room} nodes")
    domain = str(draft.value("networking.dns_domain", choices))
    if len(domain) > 253 or not _DOMAIN.fullmatch(domain):
        yield Problem("networking.dns_domain", "is not a domain name in lower case, such as cluster.local")


def _range(text: str, prefixes: range) -> ipaddress.IPv4Network | str:
    """The range, or why it is none."""
    try:
        network = ipaddress.IPv4Network(text, strict=True)
    except ValueError as error:
        return f"is not a network: {error}"[:120]
    if network.prefixlen not in prefixes:
        return f"{network} must have a prefix from /{prefixes.start} to /{prefixes.stop - 1}"
    return network
