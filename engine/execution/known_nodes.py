"""What a machine without a database remembers of nodes between runs: pinned host keys and machine ids."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from engine import content
from engine.domain.specs import ClusterSpec
from engine.execution import run_directory


class KnownNode(msgspec.Struct, frozen=True):
    """One node as earlier runs saw it."""

    host_keys: tuple[str, ...] = ()
    machine_id: str = ""


def path_of(cluster_id: str) -> Path:
    """The file that remembers a cluster's nodes."""
    return content.home() / "known-nodes" / f"{cluster_id}.json"


def load(cluster_id: str) -> dict[str, KnownNode]:
    """What is remembered; nothing before the first run."""
    path = path_of(cluster_id)
    if not path.is_file():
        return {}
    return msgspec.json.decode(path.read_bytes(), type=dict[str, KnownNode])


def complete(spec: ClusterSpec, known: Mapping[str, KnownNode]) -> ClusterSpec:
    """The spec with what is remembered; what the spec itself says goes first."""
    nodes = tuple(
        msgspec.structs.replace(
            node,
            host_keys=node.host_keys or known.get(node.name, KnownNode()).host_keys,
            machine_id=node.machine_id or known.get(node.name, KnownNode()).machine_id,
        )
        for node in spec.nodes
    )
    return msgspec.structs.replace(spec, nodes=nodes)


def remember(
    cluster_id: str, host_keys: Mapping[str, tuple[str, ...]], machine_ids: Mapping[str, str]
) -> None:
    """Add what a run learned."""
    known = load(cluster_id)
    for name in {*host_keys, *machine_ids}:
        before = known.get(name, KnownNode())
        known[name] = KnownNode(
            host_keys=tuple(host_keys.get(name) or before.host_keys),
            machine_id=machine_ids.get(name) or before.machine_id,
        )
    _save(cluster_id, known)


def forget_host_key(cluster_id: str, node: str) -> None:
    """Accept the next host key that a node shows: the operator says that it changed on purpose."""
    known = load(cluster_id)
    if node in known:
        known[node] = msgspec.structs.replace(known[node], host_keys=())
        _save(cluster_id, known)


def machine_ids(outputs: Path) -> dict[str, str]:
    """Machine ids that the plays of a run left in its output directory, by node."""
    found = {}
    for path in sorted((outputs / "nodes").glob("*.json")):
        with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):
            report = msgspec.json.decode(path.read_bytes())
            if isinstance(report, dict) and report.get("machine_id"):
                found[path.stem] = str(report["machine_id"])
    return found


def _save(cluster_id: str, known: Mapping[str, KnownNode]) -> None:
    path = path_of(cluster_id)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    scratch = path.with_suffix(".new")
    run_directory.write_private(scratch, msgspec.json.encode(known).decode())
    scratch.replace(path)
