"""What is asked for: the spec of a cluster and how its nodes are reached. Rules are in `spec_rules`."""

from __future__ import annotations

import enum

import msgspec

from engine.domain.hardening import HardeningException
from engine.domain.statuses import NodeRole, OsType


class AuthMethod(enum.StrEnum):
    """How Keelyard logs in to a node."""

    PASSWORD = "password"  # noqa: S105 - the wire value, not a password
    PRIVATE_KEY = "private_key"


class Topology(msgspec.Struct, frozen=True, kw_only=True):
    """How many nodes of which role."""

    ha: bool
    control_plane_count: int
    worker_count: int


class Components(msgspec.Struct, frozen=True, kw_only=True):
    """What runs on the nodes."""

    kubernetes_version: str
    cni: str
    ingress: str
    runtime: str


class Hardening(msgspec.Struct, frozen=True, kw_only=True):
    """Which benchmarks the nodes are brought up to, up to which level, and what is left out.

    `default_deny_network_policies` goes beyond the benchmarks: namespaces let no traffic in that no policy of
    theirs allows.
    """

    enable_cis_k8s_benchmark: bool = False
    enable_cis_linux_benchmark: bool = False
    level: int = 2
    exceptions: tuple[HardeningException, ...] = ()
    default_deny_network_policies: bool = False

    @property
    def wanted(self) -> bool:
        """Whether there is anything for a harden job to do."""
        return self.enable_cis_k8s_benchmark or self.enable_cis_linux_benchmark


class Networking(msgspec.Struct, frozen=True, kw_only=True):
    """Address ranges of pods and services, and the cluster's DNS domain."""

    pod_cidr: str = "10.244.0.0/16"
    service_cidr: str = "10.96.0.0/16"
    dns_domain: str = "cluster.local"


class NodeSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One machine of a cluster."""

    name: str
    role: NodeRole
    ip_address: str
    os_type: OsType
    ssh_port: int = 22
    machine_id: str = ""  # as recorded by an earlier run; empty before the first
    host_keys: tuple[str, ...] = ()  # pinned, "TYPE BASE64"; empty = learn on first contact


class ClusterSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a run needs to know about a cluster but its secrets."""

    id: str
    name: str
    topology: Topology
    components: Components
    nodes: tuple[NodeSpec, ...]
    username: str
    hardening: Hardening = Hardening()
    networking: Networking = Networking()
    lab: bool = False  # lab nodes: containers on cgroup v1 are accepted


class SshSecrets(msgspec.Struct, frozen=True, kw_only=True):
    """How to log in; lives in memory, encrypted in the database, and in the agent of a run. Never printed."""

    auth_method: AuthMethod
    private_key: str | None = None
    passphrase: str | None = None
    password: str | None = None

    def __repr__(self) -> str:
        return f"SshSecrets(auth_method={self.auth_method.value!r}, ...)"

    __str__ = __repr__

    def values(self) -> list[str]:
        """Every secret string, for redaction."""
        return [value for value in (self.private_key, self.passphrase, self.password) if value]
