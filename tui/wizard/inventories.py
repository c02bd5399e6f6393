"""Ansible inventories, INI and YAML, read as text: hosts, their groups and addresses. Nothing is executed.

Dynamic inventories, templates ({{ ... }}) and vaulted values are told as what they are and left alone.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from tui.wizard.draft import CONTROL_PLANE, WORKER
from tui.wizard.node_words import MOST_NODES, Found, Unread, Unreadable, address, port, short_name, system

_GROUPS = {
    **dict.fromkeys(
        (
            *("kube_control_plane", "control_plane", "control-plane", "controlplane", "kube-master"),
            *("kube_master", "master", "masters", "server", "servers"),
        ),
        CONTROL_PLANE,
    ),
    **dict.fromkeys(
        ("kube_node", "kube-node", "kube_nodes", "worker", "workers", "node", "nodes", "agent", "agents"),
        WORKER,
    ),
}
_SECTION = re.compile(r"\[([^\]\s]+)\]\s*(?:[#;].*)?")
_HOST_RANGE = re.compile(r"(.*)\[(\d+):(\d+)\](.*)")
_YAML_KEY = re.compile(r"""(?:---\s*|["']?[\w.-]+["']?:(?:\s.*|))""")
_MOST_DEPTH = 12


@dataclass
class _Host:
    line: int
    source: str
    variables: dict[str, Any] = field(default_factory=dict)
    groups: set[str] = field(default_factory=set)


@dataclass
class _Inventory:
    hosts: dict[str, _Host] = field(default_factory=dict)
    parents: dict[str, set[str]] = field(default_factory=dict)
    variables: dict[str, dict[str, Any]] = field(default_factory=dict)
    unread: list[Unread] = field(default_factory=list)

    def above(self, groups: set[str]) -> set[str]:
        """The groups with everything they are children of; circles end where they began."""
        known, open_ends = set(groups), list(groups)
        while open_ends:
            for parent in self.parents.get(open_ends.pop(), ()):
                if parent not in known:
                    known.add(parent)
                    open_ends.append(parent)
        return known


type _Read = tuple[list[Found], list[Unread], str]


def looks_like_ini(text: str) -> bool:
    """Whether a text has sections, or hosts with Ansible's variables."""
    return any(
        _SECTION.fullmatch(line.strip()) or re.search(r"\sansible_\w+=", line) for line in text.splitlines()
    )


def looks_like_yaml(text: str) -> bool:
    """Whether a text begins as a YAML mapping does."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return len(lines) > 1 and not lines[0].startswith(" ") and _YAML_KEY.fullmatch(lines[0]) is not None


# --- INI ---


def from_ini(text: str) -> _Read:
    """Hosts of an INI inventory."""
    inventory = _Inventory()
    group, kind = "ungrouped", ""
    for number, line in enumerate(text.splitlines(), 1):
        bare = line.strip()
        if not bare or bare[0] in "#;":
            continue
        if section := _SECTION.fullmatch(bare):
            group, _, kind = section[1].partition(":")
            continue
        try:
            _ini_line(inventory, group, kind, number, line)
        except ValueError as why:  # shlex: no closing quotation
            inventory.unread.append(Unread(number, line, str(why)))
    return _found(inventory)


def _ini_line(inventory: _Inventory, group: str, kind: str, number: int, line: str) -> None:
    if kind == "children":
        child = line.split(maxsplit=1)[0]
        inventory.parents.setdefault(child, set()).add(group)
    elif kind == "vars":
        name, equals, value = line.partition("=")
        if not equals:
            raise Unreadable("is no variable: NAME=VALUE")
        inventory.variables.setdefault(group, {})[name.strip()] = value.strip().strip("\"'")
    else:
        first, *rest = shlex.split(line, comments=True)
        pairs = dict(pair.split("=", 1) for pair in rest if "=" in pair)
        for name in _spread(first):
            host = inventory.hosts.setdefault(name, _Host(number, line))
            host.variables |= pairs
            host.groups.add(group)


def _spread(name: str) -> list[str]:
    """`node[01:03]` as three names."""
    match = _HOST_RANGE.fullmatch(name)
    if match is None:
        return [name]
    first, last = int(match[2]), int(match[3])
    if not 0 <= last - first < MOST_NODES:
        raise Unreadable(f"{name[:60]!r} is no range of at most {MOST_NODES} hosts")
    return [f"{match[1]}{n:0{len(match[2])}d}{match[4]}" for n in range(first, last + 1)]


# --- YAML ---


class _Loader(yaml.SafeLoader):
    """Plain data; whatever has a tag of its own (a vaulted value) is None."""


_Loader.add_multi_constructor("!", lambda *_: None)


def from_yaml(text: str) -> _Read:
    """Hosts of a YAML inventory."""
    inventory = _Inventory()
    try:
        # A SafeLoader in all but name: it makes nothing but plain data.
        content = yaml.load(text, Loader=_Loader)  # noqa: S506
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        why = getattr(error, "problem", None) or "it is nested too deeply or holds an impossible value"
        number = mark.line + 1 if mark is not None else 1
        return [], [Unread(number, text, f"is not YAML: {why}")], ""
    if isinstance(content, Mapping):
        lines = text.splitlines()
        for name, body in content.items():
            _yaml_group(inventory, str(name), body, lines, 0)
    if not inventory.hosts and not inventory.unread:
        inventory.unread.append(Unread(1, text, "is YAML without any hosts"))
    return _found(inventory)


def _yaml_group(inventory: _Inventory, group: str, body: Any, lines: list[str], depth: int) -> None:
    if not isinstance(body, Mapping) or depth > _MOST_DEPTH:
        return
    if isinstance(variables := body.get("vars"), Mapping):
        inventory.variables.setdefault(group, {}).update(variables)
    if isinstance(hosts := body.get("hosts"), Mapping):
        for pattern, variables in hosts.items():
            _yaml_host(inventory, group, str(pattern), variables, lines)
    if isinstance(children := body.get("children"), Mapping):
        for name, child in children.items():
            # A group that was seen as this one's child is not walked again: aliases could make it endless.
            known = group in inventory.parents.setdefault(str(name), set())
            inventory.parents[str(name)].add(group)
            if not known:
                _yaml_group(inventory, str(name), child, lines, depth + 1)


def _yaml_host(inventory: _Inventory, group: str, pattern: str, variables: Any, lines: list[str]) -> None:
    number = next((n for n, line in enumerate(lines, 1) if line.strip().startswith(f"{pattern}:")), 1)
    try:
        names = _spread(pattern)
    except Unreadable as why:
        inventory.unread.append(Unread(number, pattern, str(why)))
        return
    for name in names:
        host = inventory.hosts.setdefault(name, _Host(number, pattern))
        host.groups.add(group)
        if isinstance(variables, Mapping):
            host.variables |= {str(key): value for key, value in variables.items()}


# --- hosts as nodes ---


def _found(inventory: _Inventory) -> _Read:
    nodes: list[Found] = []
    unread = list(inventory.unread)
    users = set()
    for name, host in inventory.hosts.items():
        groups = inventory.above(host.groups)
        said = dict(_said(inventory, host, groups))
        try:
            node = _node(name, host, groups, said)
        except Unreadable as why:
            unread.append(Unread(host.line, host.source, str(why)))
            continue
        nodes.append(node)
        users.add(str(said.get("ansible_user") or said.get("ansible_ssh_user") or ""))
    return nodes, unread, users.pop() if len(users) == 1 else ""


def _said(inventory: _Inventory, host: _Host, groups: set[str]) -> Iterator[tuple[str, Any]]:
    """Variables from the widest group to the host itself; the last one of a name wins."""
    for group in ("all", *sorted(groups - {"all"}, key=lambda each: each in host.groups)):
        yield from inventory.variables.get(group, {}).items()
    yield from host.variables.items()


def _node(name: str, host: _Host, groups: set[str], said: Mapping[str, Any]) -> Found:
    bare, _, old_port = name.partition(":") if name.count(":") == 1 else (name, "", "")
    target = str(said.get("ansible_host") or said.get("ansible_ssh_host") or bare)
    if "{{" in target:
        raise Unreadable(f"{bare[:60]}: its address is a template, which only Ansible can fill in")
    try:
        ip_address = address(target)
    except Unreadable as none:
        raise Unreadable(f"{bare[:60]} has no address: ansible_host must be an IP address") from none
    number = str(said.get("ansible_port") or said.get("ansible_ssh_port") or old_port or 22)
    roles = {_GROUPS[group] for group in groups if group in _GROUPS}
    role = CONTROL_PLANE if CONTROL_PLANE in roles else WORKER if roles else ""
    named = str(said.get("keelyard_os_type") or said.get("os_type") or "")
    return Found(short_name(bare), ip_address, role, system(named), port(number), "", host.line, host.source)
