"""The inventory of a run: groups, host variables and group variables, made from a spec. Never holds a
secret.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
import yaml

from engine.domain import catalogue
from engine.domain.errors import FieldProblem, InvalidSpec
from engine.domain.specs import ClusterSpec, Hardening, NodeSpec
from engine.domain.statuses import NodeRole
from engine.execution.artifacts import Artifacts

GROUP_OF_ROLE = {NodeRole.CONTROL_PLANE: "kube_control_plane", NodeRole.WORKER: "kube_node"}
NODE_PYTHON = "/usr/bin/python3"  # on every supported system; saves the discovery on every node
_TEMPLATE_MARKS = ("{{", "{%", "{#")


def build(
    spec: ClusterSpec,
    *,
    artifacts: Artifacts,
    output_directory: Path,
    run_id: str,
    forbidden_addresses: list[str] | None = None,
) -> dict[str, Any]:
    """The inventory as data, in the shape of Ansible's YAML inventories.

    `forbidden_addresses` are addresses no node may have; without it, this machine's own are taken.

    Raises InvalidSpec when the version catalogue does not know the Kubernetes version.
    """
    groups: dict[str, Any] = {group: {"hosts": {}} for group in GROUP_OF_ROLE.values()}
    for node in spec.nodes:
        groups[GROUP_OF_ROLE[node.role]]["hosts"][node.name] = _host_variables(spec, node)
    cluster: dict[str, Any] = {"children": groups, "vars": {"ansible_python_interpreter": NODE_PYTHON}}
    if spec.username != "root":
        cluster["vars"]["ansible_become"] = True
    variables = _group_variables(spec, artifacts, output_directory, run_id)
    variables["keelyard_forbidden_addresses"] = (
        own_addresses() if forbidden_addresses is None else forbidden_addresses
    )
    return {"all": {"vars": variables, "children": {"k8s_cluster": cluster}}}


def _host_variables(spec: ClusterSpec, node: NodeSpec) -> dict[str, Any]:
    return {
        "ansible_host": node.ip_address,
        "ansible_port": node.ssh_port,
        "ansible_user": spec.username,
        "keelyard_os_type": node.os_type.value,
        "keelyard_machine_id": node.machine_id,
    }


def _group_variables(
    spec: ClusterSpec, artifacts: Artifacts, output_directory: Path, run_id: str
) -> dict[str, Any]:
    release = _release(spec.components.kubernetes_version)
    return {
        "keelyard_cluster_id": spec.id,
        "keelyard_cluster_name": spec.name,
        "keelyard_kubernetes_version": release.kubernetes,
        "keelyard_versions": release.versions(),
        "keelyard_cni": spec.components.cni,
        "keelyard_ingress": spec.components.ingress,
        "keelyard_pod_cidr": spec.networking.pod_cidr,
        "keelyard_service_cidr": spec.networking.service_cidr,
        "keelyard_dns_domain": spec.networking.dns_domain,
        "keelyard_artifacts_source": artifacts.source.value,
        "keelyard_bundle_path": artifacts.bundle_path,
        "keelyard_bundle_digest": artifacts.bundle_digest,
        "keelyard_lab": spec.lab,
        **_hardening_variables(spec.hardening),
        "keelyard_output_dir": str(output_directory),
        "keelyard_run_id": run_id,
        "keelyard_controller_machine_id": own_machine_id(),
    }


def _hardening_variables(hardening: Hardening) -> dict[str, Any]:
    return {
        "keelyard_enable_cis_linux_benchmark": hardening.enable_cis_linux_benchmark,
        "keelyard_enable_cis_k8s_benchmark": hardening.enable_cis_k8s_benchmark,
        "keelyard_hardening_level": hardening.level,
        "keelyard_hardening_exceptions": [
            {"id": exception.id, "reason": exception.reason} for exception in hardening.exceptions
        ],
        "keelyard_default_deny_network_policies": hardening.default_deny_network_policies,
    }


def _release(version: str) -> catalogue.Release:
    release = catalogue.find(version)
    if release is None:
        supported = ", ".join(catalogue.supported())
        problem = f"{version} is not in the version catalogue; choose from {supported}"
        raise InvalidSpec([FieldProblem("components.kubernetes_version", problem)])
    return release


def hosts(inventory: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Every host of an inventory with its own variables."""
    found: dict[str, dict[str, Any]] = {}
    for group in inventory.values():
        found.update({name: dict(variables or {}) for name, variables in (group.get("hosts") or {}).items()})
        for name, variables in hosts(group.get("children") or {}).items():
            found.setdefault(name, variables)
    return found


def groups(inventory: Mapping[str, Any]) -> dict[str, list[str]]:
    """Every group of an inventory with the names of all hosts in it and below it."""
    found: dict[str, list[str]] = {}
    for name, group in inventory.items():
        children = group.get("children") or {}
        found.update(groups(children))
        found[name] = sorted({*(group.get("hosts") or {}), *hosts(children)})
    return found


def resolve(inventory: Mapping[str, Any], pattern: str) -> list[str] | None:
    """The hosts a pattern names, or None when it names groups that only exist while the playbook runs."""
    known_hosts, known_groups = hosts(inventory), groups(inventory)
    chosen: set[str] = set()
    for part in pattern.replace(":", ",").split(","):
        sign, name = (part[0], part[1:]) if part[:1] in ("!", "&") else ("", part)
        if name in known_groups:
            members = set(known_groups[name])
        elif name in known_hosts or name in ("localhost", "127.0.0.1"):
            members = {name}
        elif name == "all":
            members = set(known_hosts)
        else:
            return None
        chosen = {"!": chosen - members, "&": chosen & members, "": chosen | members}[sign]
    return sorted(chosen)


def host_keys(spec: ClusterSpec) -> dict[str, tuple[str, ...]]:
    """The pinned host keys ("TYPE BASE64") of every node that has some."""
    return {node.name: node.host_keys for node in spec.nodes if node.host_keys}


def own_addresses() -> list[str]:
    """This machine's own addresses but loopback."""
    found = {
        address.address.partition("%")[0]
        for addresses in psutil.net_if_addrs().values()
        for address in addresses
        if address.family in (socket.AF_INET, socket.AF_INET6)
    }
    return sorted(address for address in found if not address.startswith(("127.", "::1", "fe80:")))


def own_machine_id() -> str:
    """This machine's machine-id, or "" where it has none."""
    path = Path("/etc/machine-id")
    return path.read_text(encoding="ascii").strip() if path.is_file() else ""


class _Unsafe(str):
    """Text that Ansible must never read as a template."""

    __slots__ = ()


class _Dumper(yaml.SafeDumper):
    """Writes variables for Ansible."""


_Dumper.add_representer(
    _Unsafe, lambda dumper, text: dumper.represent_scalar("!unsafe", str(text), style='"')
)


def to_yaml(variables: Any) -> str:
    """Variables or an inventory as YAML in which no value is a template, whatever a user typed into it."""
    return yaml.dump(_guarded(variables), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000)


def _guarded(value: Any) -> Any:
    if isinstance(value, str):
        return _Unsafe(value) if any(mark in value for mark in _TEMPLATE_MARKS) else str(value)
    if isinstance(value, Mapping):
        return {key: _guarded(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_guarded(inner) for inner in value]
    return value
