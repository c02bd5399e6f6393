"""Body of the spec route: what is recorded of a cluster, in the shape in which one is asked for."""

from __future__ import annotations

from api.schemas.clusters import Components, Topology
from api.schemas.common import ExceptionBody, Reply


class SpecHardening(Reply):
    """Which benchmarks the nodes are brought up to, to which level, and what is left out."""

    enable_cis_k8s_benchmark: bool
    enable_cis_linux_benchmark: bool
    level: int
    exceptions: list[ExceptionBody]
    default_deny_network_policies: bool


class SpecNetworking(Reply):
    """Address ranges inside the cluster, and its DNS domain."""

    pod_cidr: str
    service_cidr: str
    dns_domain: str


class SpecLogin(Reply):
    """Who logs in to the nodes, and by what; never the secret itself."""

    username: str
    auth_method: str


class SpecNode(Reply):
    """One machine. `host_keys` ("TYPE BASE64") and `machine_id` are what it has to show from now on."""

    name: str
    role: str
    ip_address: str
    os_type: str
    ssh_port: int
    machine_id: str
    host_keys: list[str]


class ClusterSpec(Reply):
    """A cluster as it was asked for, without secrets: a spec file for `keelyard apply` and `keelyard run`.

    `ssh_config` is null for a deleted cluster, whose credential is forgotten.
    """

    id: str
    name: str
    description: str
    topology: Topology
    components: Components
    nodes: list[SpecNode]
    ssh_config: SpecLogin | None
    hardening: SpecHardening
    networking: SpecNetworking
    lab: bool
