"""Bodies of the template routes."""

from __future__ import annotations

from datetime import datetime

from api.schemas.common import ExceptionBody, Reply, Request


class TopologyPart(Request):
    """How many nodes of which role, as far as it is said."""

    ha: bool | None = None
    control_plane_count: int | None = None
    worker_count: int | None = None


class ComponentsPart(Request):
    """What runs on the nodes, as far as it is said."""

    kubernetes_version: str | None = None
    cni: str | None = None
    ingress: str | None = None
    runtime: str | None = None


class HardeningPart(Request):
    """How the nodes are hardened, as far as it is said."""

    enable_cis_k8s_benchmark: bool | None = None
    enable_cis_linux_benchmark: bool | None = None
    level: int | None = None
    exceptions: list[ExceptionBody] | None = None
    default_deny_network_policies: bool | None = None


class TemplateRequest(Request):
    """What new clusters shall begin with. What is left out, the request for a cluster has to say."""

    name: str
    description: str | None = None
    topology: TopologyPart | None = None
    components: ComponentsPart | None = None
    hardening: HardeningPart | None = None


class TemplateTopology(Reply):
    """How many nodes of which role; null for what it leaves open."""

    ha: bool | None
    control_plane_count: int | None
    worker_count: int | None


class TemplateComponents(Reply):
    """What runs on the nodes; null for what it leaves open."""

    kubernetes_version: str | None
    cni: str | None
    ingress: str | None
    runtime: str | None


class TemplateHardening(Reply):
    """How the nodes are hardened; null for what it leaves open."""

    enable_cis_k8s_benchmark: bool | None
    enable_cis_linux_benchmark: bool | None
    level: int | None
    exceptions: list[ExceptionBody] | None
    default_deny_network_policies: bool | None


class Template(Reply):
    """A template in one of its versions; `updated_at` is when that was written."""

    id: str
    name: str
    description: str
    version: int
    topology: TemplateTopology
    components: TemplateComponents
    hardening: TemplateHardening
    created_at: datetime
    updated_at: datetime
