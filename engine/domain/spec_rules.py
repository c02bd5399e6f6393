"""What a cluster's spec must satisfy, told all at once. Pure: what the caller's machine knows is handed in.

Fields are named as in the create request (`nodes.0.role`, `ssh_config.private_key`), on every floor.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Collection, Iterator, Mapping

import msgspec

from engine.domain import address_rules, hardening_rules, private_keys
from engine.domain.errors import FieldProblem, InvalidSpec
from engine.domain.hardening import Item
from engine.domain.specs import AuthMethod, ClusterSpec, NodeSpec, SshSecrets, Topology
from engine.domain.statuses import NodeRole

RESERVED_NAMES = frozenset({"test-ssh", "create", "list"})
CNIS = ("flannel", "bridge")
LATER_CNIS = ("calico", "cilium")
INGRESSES = ("none",)
LATER_INGRESSES = ("nginx", "traefik", "haproxy")
RUNTIMES = ("containerd",)
MAXIMUM_NODES = 256  # one /24 of pod addresses each in the default /16
MAXIMUM_SECRET_LENGTH = 1024

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_USERNAME = re.compile(r"[A-Za-z_][A-Za-z0-9._-]{0,31}")
_HOST_KEY = re.compile(r"[a-z0-9@.-]{1,64} [A-Za-z0-9+/]{16,8192}={0,2}")

Problems = Iterator[FieldProblem]


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What the rules need from outside: the catalogues, and the addresses of Keelyard's own machine."""

    kubernetes_versions: Collection[str]
    hardening_items: Mapping[str, Item] = {}
    own_addresses: Collection[str] = ()


def check(spec: ClusterSpec, secrets: SshSecrets, surroundings: Surroundings) -> None:
    """Raises InvalidSpec with every problem of the spec and of the way in to its nodes."""
    found = [*problems(spec, surroundings), *access_problems(spec.username, secrets)]
    if found:
        raise InvalidSpec(found)


def problems(spec: ClusterSpec, surroundings: Surroundings) -> Problems:
    """Every problem of the spec itself."""
    yield from name_problems(spec.name)
    yield from _topology(spec.topology, spec.nodes)
    yield from component_problems(msgspec.structs.asdict(spec.components), surroundings.kubernetes_versions)
    yield from node_problems(spec.nodes, surroundings.own_addresses)
    hardening = msgspec.structs.asdict(spec.hardening)
    yield from hardening_rules.problems(hardening, surroundings.hardening_items, spec.components.cni)
    yield from address_rules.problems(spec.networking, spec.nodes)


def name_problems(name: str, field: str = "name") -> Problems:
    """Problems of a cluster's name: it is a path member and a DNS label, and must never look like an id."""
    if not is_label(name):
        yield FieldProblem(field, _label_message(name))
    elif name in RESERVED_NAMES:
        yield FieldProblem(field, f"{name!r} is reserved; choose another name")
    elif is_uuid(name):
        yield FieldProblem(field, "must not have the form of a UUID")


def is_label(text: str) -> bool:
    """Whether a text is an RFC 1123 label: the form of a name that is safe in DNS, shells and templates."""
    return _LABEL.fullmatch(text) is not None


def is_uuid(text: str) -> bool:
    """Whether a text has the form of a UUID."""
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False


def _label_message(name: str) -> str:
    shown = name if len(name) <= 80 else name[:77] + "..."
    return (
        f"{shown!r} is not a name: 1 to 63 lower-case letters, digits and hyphens, "
        "beginning and ending with a letter or digit"
    )


def topology_problems(ha: bool | None, control_plane_count: int | None, worker_count: int | None) -> Problems:
    """Problems of a topology by itself, as far as it is known: in a template something may be left open."""
    if ha:
        yield FieldProblem(
            "topology.ha",
            "high availability is not available in this version; set it to false with one control plane",
        )
    elif control_plane_count is not None and control_plane_count != 1:
        yield FieldProblem(
            "topology.control_plane_count",
            f"must be 1 when topology.ha is false; it is {control_plane_count}",
        )
    if worker_count is not None and worker_count < 0:
        yield FieldProblem("topology.worker_count", f"must not be negative; it is {worker_count}")


def _topology(topology: Topology, nodes: tuple[NodeSpec, ...]) -> Problems:
    yield from topology_problems(topology.ha, topology.control_plane_count, topology.worker_count)
    for role, field, wanted in (
        (NodeRole.CONTROL_PLANE, "topology.control_plane_count", topology.control_plane_count),
        (NodeRole.WORKER, "topology.worker_count", topology.worker_count),
    ):
        listed = sum(1 for node in nodes if node.role is role)
        if listed != wanted:
            yield FieldProblem(field, f"is {wanted}, but nodes lists {listed} with role {role.value}")


def component_problems(given: Mapping[str, str | None], versions: Collection[str]) -> Problems:
    """Problems of components, as far as they are given, by their names in `specs.Components`."""
    version = given["kubernetes_version"]
    if version is not None and version not in versions:
        yield FieldProblem(
            "components.kubernetes_version",
            f"{_short(version)} is not in the catalogue; known: {', '.join(versions)}",
        )
    yield from _choice("components.cni", given["cni"], CNIS, LATER_CNIS)
    yield from _choice("components.ingress", given["ingress"], INGRESSES, LATER_INGRESSES)
    yield from _choice("components.runtime", given["runtime"], RUNTIMES, ())


def _choice(field: str, value: str | None, now: tuple[str, ...], later: tuple[str, ...]) -> Problems:
    if value is None or value in now:
        return
    choices = ", ".join(now)
    if value in later:
        yield FieldProblem(field, f"{value} is not available in this version; available: {choices}")
    else:
        yield FieldProblem(field, f"{_short(value)} is unknown; available: {choices}")


def _short(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:77] + "...")


def node_problems(nodes: tuple[NodeSpec, ...], own_addresses: Collection[str] = ()) -> Problems:
    """Problems of a list of nodes, each on its own and against the others."""
    if not nodes:
        yield FieldProblem("nodes", "lists no node")
    if len(nodes) > MAXIMUM_NODES:
        yield FieldProblem("nodes", f"lists {len(nodes)} nodes; at most {MAXIMUM_NODES} are supported")
        return
    names: dict[str, int] = {}
    addresses: dict[str, int] = {}
    for index, node in enumerate(nodes):
        at = f"nodes.{index}"
        yield from _node(at, node, own_addresses)
        first = names.setdefault(node.name, index)
        if first != index:
            yield FieldProblem(f"{at}.name", f"{_short(node.name)} is the name of nodes.{first} too")
        first = addresses.setdefault(address_rules.canonical(node.ip_address), index)
        if first != index:
            yield FieldProblem(
                f"{at}.ip_address", f"{_short(node.ip_address)} is the address of nodes.{first} too"
            )


def _node(at: str, node: NodeSpec, own_addresses: Collection[str]) -> Problems:
    if not is_label(node.name):
        yield FieldProblem(f"{at}.name", _label_message(node.name))
    elif node.name == "localhost":
        yield FieldProblem(f"{at}.name", "'localhost' is Keelyard's own machine")
    if message := address_rules.node_address_problem(node.ip_address, own_addresses):
        yield FieldProblem(f"{at}.ip_address", message)
    if not 1 <= node.ssh_port <= 65535:
        yield FieldProblem(f"{at}.ssh_port", f"{node.ssh_port} is not a port: 1 to 65535")
    for key in node.host_keys:
        if not _HOST_KEY.fullmatch(key):
            yield FieldProblem(
                f"{at}.host_key", 'is not a host key: "TYPE BASE64", as ssh-keyscan prints after the host'
            )


def access_problems(username: str, secrets: SshSecrets) -> Problems:
    """Problems of the way in to the nodes; never repeats a secret."""
    if not _USERNAME.fullmatch(username):
        yield FieldProblem(
            "ssh_config.username",
            f"{_short(username)} is not a user name: a letter or _, then letters, digits, . _ - (at most 32)",
        )
    if secrets.auth_method is AuthMethod.PASSWORD:
        yield from _password_access(secrets)
    else:
        yield from _key_access(secrets)
    for member in ("password", "passphrase"):
        yield from _secret_text(f"ssh_config.{member}", getattr(secrets, member))


def _password_access(secrets: SshSecrets) -> Problems:
    if not secrets.password:
        yield FieldProblem("ssh_config.password", "is required when ssh_config.auth_method is password")
    if secrets.private_key:
        yield FieldProblem("ssh_config.private_key", "does not go with auth_method password; leave it out")
    if secrets.passphrase:
        yield FieldProblem("ssh_config.passphrase", "does not go with auth_method password; leave it out")


def _key_access(secrets: SshSecrets) -> Problems:
    # A password beside a key is the one that sudo asks for on the nodes.
    if not secrets.private_key:
        yield FieldProblem("ssh_config.private_key", "is required when ssh_config.auth_method is private_key")
    elif found := private_keys.problem(secrets.private_key, secrets.passphrase):
        member, message = found
        yield FieldProblem(f"ssh_config.{member}", message)


def _secret_text(field: str, value: str | None) -> Problems:
    if value is None:
        return
    if len(value) > MAXIMUM_SECRET_LENGTH:
        yield FieldProblem(field, f"is longer than {MAXIMUM_SECRET_LENGTH} characters")
    if any(ord(character) < 32 or ord(character) == 127 for character in value):
        yield FieldProblem(field, "holds a line break or another control character")
