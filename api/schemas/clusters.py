"""Bodies of the cluster routes."""

from __future__ import annotations

import uuid
from datetime import datetime

import msgspec

from api.schemas.common import ExceptionBody, Reply, Request, TenantName
from engine.domain import conditions
from engine.domain.specs import AuthMethod
from engine.domain.statuses import NodeRole, OsType

Condition = conditions.Condition


class TopologyRequest(Request):
    """How many nodes of which role; what is left out, the template has to say."""

    ha: bool | None = None
    control_plane_count: int | None = None
    worker_count: int | None = None


class ComponentsRequest(Request):
    """What runs on the nodes."""

    kubernetes_version: str | None = None
    cni: str | None = None
    ingress: str | None = None
    runtime: str | None = None


class NodeRequest(Request):
    """One machine. `host_key` ("TYPE BASE64") or `fingerprint` ("SHA256:...") is the key it must show."""

    name: str
    role: NodeRole
    ip_address: str
    os_type: OsType
    ssh_port: int = 22
    host_key: str | None = None
    fingerprint: str | None = None


class SshConfigRequest(Request):
    """How to log in to the nodes. With a private key, `password` is the one that sudo asks for."""

    username: str
    auth_method: AuthMethod
    private_key: str | None = None
    passphrase: str | None = None
    password: str | None = None


class HardeningRequest(Request):
    """Which benchmarks the nodes are brought up to, to which level, and what is left out."""

    enable_cis_k8s_benchmark: bool | None = None
    enable_cis_linux_benchmark: bool | None = None
    level: int | None = None
    exceptions: list[ExceptionBody] | None = None
    default_deny_network_policies: bool | None = None


class NetworkingRequest(Request):
    """Address ranges inside the cluster; what is left out keeps its default."""

    pod_cidr: str = "10.244.0.0/16"
    service_cidr: str = "10.96.0.0/16"
    dns_domain: str = "cluster.local"


class ClusterCreate(Request):
    """A cluster to create. `lab` says that its nodes are throwaway ones of `keelyard lab`.

    What topology, components and hardening leave out comes from the template, then from the server's
    settings.
    """

    name: str
    nodes: list[NodeRequest]
    ssh_config: SshConfigRequest
    topology: TopologyRequest | None = None
    components: ComponentsRequest | None = None
    description: str | None = None
    template_id: uuid.UUID | None = None
    template_version: int | None = None
    hardening: HardeningRequest | None = None
    networking: NetworkingRequest | None = None
    provision_immediately: bool = True
    lab: bool = False


class Provision(Request):
    """What a provision job is to apply: a plan, only while the nodes are as it found them; else the spec."""

    plan_hash: str | None = None


class SshTest(Request):
    """Nodes to log in to, and how."""

    nodes: list[NodeRequest]
    ssh_config: SshConfigRequest


class CreatedCluster(Reply):
    """A cluster just created."""

    id: str
    name: str
    status: str
    created_at: datetime


class CreatedJob(Reply):
    """A job just queued."""

    id: str
    type: str
    status: str
    created_at: datetime


class Created(Reply):
    """A cluster and, unless provisioning waits, its first job."""

    cluster: CreatedCluster
    job: CreatedJob | None


class Topology(Reply):
    """How many nodes of which role."""

    ha: bool
    control_plane_count: int
    worker_count: int


class Components(Reply):
    """What runs on the nodes."""

    cni: str
    ingress: str
    runtime: str
    kubernetes_version: str


class LastJob(Reply):
    """The newest job of a cluster."""

    id: str
    type: str
    status: str
    created_at: datetime


class ClusterItem(Reply):
    """A cluster in a list, with its tenant and its newest job."""

    id: str
    name: str
    description: str | None
    status: str
    kubernetes_version: str
    topology: Topology
    components: Components
    created_at: datetime
    updated_at: datetime
    tenant: TenantName | msgspec.UnsetType = msgspec.UNSET
    last_job: LastJob | None = None


class Cluster(ClusterItem, kw_only=True):
    """A cluster with what was last observed of it."""

    conditions: list[Condition]


class Deleted(Reply):
    """A cluster soft-deleted, or about to be once its nodes are cleaned."""

    message: str
    cluster_id: str
    job_id: str | msgspec.UnsetType = msgspec.UNSET


class Node(Reply):
    """A machine of a cluster."""

    id: str
    name: str
    role: str
    ip_address: str
    ssh_port: int
    os_type: str
    status: str
    kubernetes_version: str | None
    last_seen: datetime | None


class HostKey(Reply):
    """A key a node showed; compare its fingerprint with the one on the node's console."""

    type: str
    fingerprint: str


class SshResult(Reply):
    """How one login went."""

    node: str
    ip_address: str
    success: bool
    message: str
    host_keys: list[HostKey]


class SshReport(Reply):
    """How all logins went; `success` only when every one did."""

    success: bool
    results: list[SshResult]
