"""In what a document differs from what is there, member by member. What it leaves out stays as it is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

#: Of a cluster's document: for its creation alone, secret, or for runs without a server.
_NOT_COMPARED = frozenset(
    {
        "kind",
        "nodes",
        "ssh_config",
        "template_id",
        "template_version",
        "provision_immediately",
        "artifacts",
        "bundle",
    }
)
_OF_NODES = ("role", "ip_address", "os_type", "ssh_port")
_OF_LOGINS = ("username", "auth_method")


@dataclass(frozen=True)
class Difference:
    """One member that is not as the document says."""

    member: str
    there: Any
    wanted: Any

    def __str__(self) -> str:
        """As a line for people."""
        return f"{self.member}: {_shown(self.there)} → {_shown(self.wanted)}"


def of(there: Mapping[str, Any], wanted: Mapping[str, Any], above: str = "") -> Iterator[Difference]:
    """Every member that the document says otherwise. Free-form parameters are compared whole."""
    for name, value in wanted.items():
        known = there.get(name)
        if isinstance(value, Mapping) and name != "parameters":
            yield from of(known if isinstance(known, Mapping) else {}, value, f"{above}{name}.")
        elif isinstance(value, list) and isinstance(known, list):
            if sorted(map(_as_text, value)) != sorted(map(_as_text, known)):
                yield Difference(above + name, known, value)
        elif value != known and not (value is None and known in ("", None)):
            yield Difference(above + name, known, value)


def of_cluster(recorded: Mapping[str, Any], document: Mapping[str, Any]) -> list[Difference]:
    """In what a cluster's document differs from its recorded spec; secrets cannot be compared."""
    plain = {name: value for name, value in document.items() if name not in _NOT_COMPARED}
    login = {name: value for name, value in (document.get("ssh_config") or {}).items() if name in _OF_LOGINS}
    return [
        *of(recorded, plain),
        *of({"ssh_config": recorded.get("ssh_config") or {}}, {"ssh_config": login}),
        *(_nodes(recorded["nodes"], document["nodes"]) if "nodes" in document else ()),
    ]


def _nodes(recorded: Sequence[Mapping[str, Any]], wanted: Sequence[Any]) -> Iterator[Difference]:
    known = {node["name"]: node for node in recorded}
    named = {node["name"]: node for node in wanted if isinstance(node, Mapping) and "name" in node}
    for name, node in named.items():
        if name not in known:
            yield Difference(f"nodes.{name}", None, "a new node")
            continue
        said = {member: node[member] for member in _OF_NODES if member in node}
        yield from of(known[name], said, f"nodes.{name}.")
        yield from _keys(known[name], node)
    for name in known:
        if name not in named:
            yield Difference(f"nodes.{name}", "a node", None)


def _keys(recorded: Mapping[str, Any], node: Mapping[str, Any]) -> Iterator[Difference]:
    """A host key in the document is one that the node may show; one that was never recorded is another."""
    pinned = recorded.get("host_keys") or []
    said = node.get("host_keys") or ([node["host_key"]] if node.get("host_key") else [])
    if pinned and said and not set(said) & set(pinned):
        yield Difference(f"nodes.{recorded['name']}.host_key", pinned[0], said[0])


def _as_text(value: Any) -> str:
    """The same for the same thing, in whatever order its members are written."""
    return json.dumps(value, sort_keys=True, default=str)


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    return value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
