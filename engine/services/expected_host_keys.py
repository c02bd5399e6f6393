"""Host keys that the operator knows beforehand: expected fingerprints become pinned keys."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping

import msgspec

from engine.domain.errors import FieldProblem, InvalidSpec
from engine.domain.specs import ClusterSpec, NodeSpec
from engine.execution import host_keys

_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")


def problems(spec: ClusterSpec, fingerprints: Mapping[str, str]) -> Iterator[FieldProblem]:
    """What is wrong with the expectations as they are written."""
    for index, node in enumerate(spec.nodes):
        fingerprint = fingerprints.get(node.name)
        if fingerprint is None:
            continue
        if node.host_keys:
            yield FieldProblem(f"nodes.{index}.fingerprint", "does not go with host_key; give one of them")
        if not _FINGERPRINT.fullmatch(fingerprint):
            yield FieldProblem(
                f"nodes.{index}.fingerprint",
                "is not a fingerprint: SHA256: and 43 characters, as ssh-keygen -l shows",
            )


async def pinned(spec: ClusterSpec, fingerprints: Mapping[str, str]) -> ClusterSpec:
    """The spec with the keys that the expected fingerprints belong to.

    Raises InvalidSpec for every node that does not answer or shows other keys; asks only those nodes.
    """
    asked = {node.name: (node.ip_address, node.ssh_port) for node in spec.nodes if node.name in fingerprints}
    if not asked:
        return spec
    shown = await asyncio.to_thread(host_keys.scan_all, asked)
    nodes: list[NodeSpec] = []
    found: list[FieldProblem] = []
    for index, node in enumerate(spec.nodes):
        expected = fingerprints.get(node.name)
        if expected is None:
            nodes.append(node)
            continue
        matching = tuple(key.pinned for key in shown.get(node.name, []) if key.fingerprint == expected)
        if not matching:
            found.append(FieldProblem(f"nodes.{index}.fingerprint", _mismatch(shown.get(node.name, []))))
        nodes.append(msgspec.structs.replace(node, host_keys=matching))
    if found:
        raise InvalidSpec(found)
    return msgspec.structs.replace(spec, nodes=tuple(nodes))


def _mismatch(shown: list[host_keys.HostKey]) -> str:
    if not shown:
        return "cannot be compared: no SSH server answers at the node's address and port"
    return "is not among the keys that the node shows: " + ", ".join(key.fingerprint for key in shown)
