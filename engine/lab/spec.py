"""What others need to lay a cluster on a lab: an Ansible inventory, or the body of a create request."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.domain import errors
from engine.lab import records


def inventory(
    name: str,
    control_planes: int = 1,
    *,
    variables: Mapping[str, Any] | None = None,
    connect: bool = False,
    user: str = "root",
) -> dict[str, Any]:
    """The lab as an inventory of `playbooks/provision.yml`; the first nodes become control planes.

    `variables` (such as `keelyard_bundle_path`) are added to those of group `all`.
    With `connect` it also says where key and known hosts lie, for a plain `ansible-playbook`.

    Raises:
        NotFound: there is no such lab.
        InvalidSpec: it has fewer nodes than control planes.
    """
    lab = records.load(name)
    _check_control_planes(lab, control_planes)
    hosts = {node.name: _host(lab, node, user) for node in lab.nodes}
    names = list(hosts)
    everywhere: dict[str, Any] = {
        "keelyard_cluster_id": str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{lab.name}.lab")),
        "keelyard_cluster_name": lab.name,
        "keelyard_lab": True,
    }
    if connect:
        options = f"-o UserKnownHostsFile={lab.known_hosts} -o StrictHostKeyChecking=yes"
        everywhere |= {"ansible_ssh_private_key_file": lab.private_key, "ansible_ssh_common_args": options}
    control, workers = names[:control_planes], names[control_planes:]
    groups = {
        "kube_control_plane": {"hosts": {host: hosts[host] for host in control}},
        "kube_node": {"hosts": {host: hosts[host] for host in workers}},
    }
    cluster = {"children": groups}
    return {"all": {"vars": everywhere | dict(variables or {}), "children": {"k8s_cluster": cluster}}}


def create_request(
    name: str,
    cluster_name: str | None = None,
    *,
    kubernetes_version: str,
    control_planes: int = 1,
    cni: str = "flannel",
    user: str = "root",
) -> dict[str, Any]:
    """The body of `POST /api/v1/clusters` for a cluster of all nodes of the lab, with the lab's private key.

    Raises:
        NotFound: there is no such lab.
        InvalidSpec: it has fewer nodes than control planes.
    """
    lab = records.load(name)
    _check_control_planes(lab, control_planes)
    return {
        "name": cluster_name or lab.name,
        "description": f"Cluster on lab {lab.name}",
        "topology": {
            "ha": False,
            "control_plane_count": control_planes,
            "worker_count": len(lab.nodes) - control_planes,
        },
        "components": {
            "kubernetes_version": kubernetes_version,
            "cni": cni,
            "ingress": "none",
            "runtime": "containerd",
        },
        "nodes": [
            {
                "name": node.name,
                "role": "control-plane" if number < control_planes else "worker",
                "ip_address": node.address,
                "ssh_port": 22,
                "os_type": lab.system,
            }
            for number, node in enumerate(lab.nodes)
        ],
        "ssh_config": {
            "username": user,
            "auth_method": "private_key",
            "private_key": Path(lab.private_key).read_text(),
        },
        "provision_immediately": True,
        "lab": True,
    }


def _host(lab: records.Lab, node: records.LabNode, user: str) -> dict[str, Any]:
    return {
        "ansible_host": node.address,
        "ansible_port": 22,
        "ansible_user": user,
        "keelyard_os_type": lab.system,
        "keelyard_machine_id": "",
    }


def _check_control_planes(lab: records.Lab, control_planes: int) -> None:
    if not 1 <= control_planes <= len(lab.nodes):
        message = (
            f"lab {lab.name!r} has {len(lab.nodes)} nodes, so 1 to {len(lab.nodes)} can be control planes"
        )
        raise errors.InvalidSpec([errors.FieldProblem("control_planes", message)])
