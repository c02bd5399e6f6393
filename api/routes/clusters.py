"""Clusters: create, list, look, provision, delete, try SSH, fetch the kubeconfig."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from litestar import Response, Router, delete, get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from api import decoding, guards, replies, state
from api.decoding import Body
from api.replies import PageNumber, PageSize, Search
from api.schemas import clusters as wire
from api.schemas.common import Accepted, Page, TenantName
from engine.domain.conditions import seen_at
from engine.domain.errors import FieldProblem, InvalidSpec
from engine.domain.permissions import Permission
from engine.domain.specs import (
    ClusterSpec,
    Components,
    Networking,
    NodeSpec,
    SshSecrets,
    Topology,
)
from engine.domain.statuses import ClusterStatus, JobStatus, JobType, NodeStatus
from engine.domain.templates import Filled, Layer, PartialComponents, PartialHardening, PartialTopology
from engine.services import clusters, nodes, ssh_check, templates

_StatusFilter = Annotated[
    str | None,
    QueryParameter(
        pattern=f"^({'|'.join(ClusterStatus)}|{clusters.ALL})$",
        description="pending, provisioning, running, failed, deleted or all",
    ),
]

_Sort = Annotated[
    str | None,
    QueryParameter(
        pattern=replies.either_way(clusters.SORTS), description="Instead of newest first; - before: downwards"
    ),
]
_NodeStatus = Annotated[
    str | None,
    QueryParameter(pattern=f"^({'|'.join(NodeStatus)})$", description=", ".join(NodeStatus)),
]
_NodeSort = Annotated[
    str | None,
    QueryParameter(
        pattern=replies.either_way(nodes.SORTS), description="Instead of as named; - before: downwards"
    ),
]


@post(
    "/",
    status_code=201,
    summary="Create cluster",
    dto=Body[wire.ClusterCreate],
    guards=[guards.requires(Permission.CLUSTER_CREATE)],
    opt={"action": Permission.CLUSTER_CREATE.value},
)
async def create(request: guards.AnyRequest, data: JSONBody[wire.ClusterCreate]) -> Response[wire.Created]:
    """Creates a cluster and, unless told to wait, queues its provisioning."""
    guards.name_target(request, data.name)

    async def work() -> replies.Answer:
        shared = state.of(request.app)
        filled, told = await templates.fill(_layer(data), _source(data), shared.settings)
        new = _new_cluster(data, filled, told)
        made = await clusters.create(new, guards.caller(request), shared.cipher)
        headers = {"Location": f"/api/v1/clusters/{made.cluster.id}"}
        if made.job is not None:
            headers["Link"] = f'</api/v1/jobs/{made.job.id}>; rel="monitor"'
        return replies.Answer(201, _created(made), headers)

    return await replies.once(request, work)


@get("/", summary="List clusters", guards=[guards.requires(Permission.CLUSTER_READ), guards.known_query])
async def list_clusters(
    request: guards.AnyRequest,
    page: PageNumber = 1,
    page_size: PageSize = 20,
    status_filter: _StatusFilter = None,
    search: Search = None,
    sort: _Sort = None,
) -> Response[Page[wire.ClusterItem]]:
    """Newest first. Deleted clusters are listed under `deleted` and `all` only.

    `search` looks for a part of the name or description.
    """
    found, total = await clusters.page(
        guards.principal(request),
        status_filter,
        search=search,
        sort=sort,
        page=page,
        page_size=page_size,
    )
    data = [
        wire.ClusterItem(
            id=str(item.id),
            name=item.name,
            description=item.description,
            status=item.status,
            kubernetes_version=item.kubernetes_version,
            topology=_topology(item.topology),
            components=_components(item.components),
            created_at=item.created_at,
            updated_at=item.updated_at,
            tenant=_tenant(item),
            last_job=_last_job(item),
        )
        for item in found
    ]
    return replies.page(data, total, page, page_size)


@get(
    "/{cluster_id:str}",
    summary="Get cluster details",
    guards=[guards.requires(Permission.CLUSTER_READ), guards.known_query],
)
async def get_cluster(request: guards.AnyRequest, cluster_id: FromPath[str]) -> wire.Cluster:
    """A cluster by id or name; by id also when it is deleted."""
    found = await clusters.get(guards.principal(request), cluster_id)
    now = datetime.now(UTC)
    around = await clusters.around(found)
    return wire.Cluster(
        id=str(found.id),
        name=found.name,
        description=found.description,
        status=found.status,
        kubernetes_version=found.kubernetes_version,
        topology=_topology(found.spec.topology),
        components=_components(found.spec.components),
        created_at=found.created_at,
        updated_at=found.updated_at,
        conditions=[seen_at(condition, now) for condition in found.conditions],
        tenant=_tenant(around),
        last_job=_last_job(around),
    )


@delete(
    "/{cluster_id:str}",
    status_code=202,
    summary="Delete cluster",
    guards=[guards.requires(Permission.CLUSTER_DELETE), guards.known_query],
    opt={"action": Permission.CLUSTER_DELETE.value},
)
async def delete_cluster(
    request: guards.AnyRequest, cluster_id: FromPath[str], deprovision: FromQuery[bool] = False
) -> Response[wire.Deleted]:
    """Marks a cluster as deleted, or, with `deprovision`, queues the job that cleans its nodes first."""
    cluster, job = await clusters.delete(cluster_id, guards.caller(request), deprovision=deprovision)
    if job is None:
        return Response(wire.Deleted(message="Cluster marked as deleted", cluster_id=str(cluster.id)))
    reply = wire.Deleted(message="Cluster deletion initiated", cluster_id=str(cluster.id), job_id=str(job.id))
    return Response(reply, headers={"Location": f"/api/v1/jobs/{job.id}"})


@post(
    "/{cluster_id:str}/provision",
    status_code=202,
    summary="Provision cluster",
    guards=[guards.requires(Permission.CLUSTER_PROVISION)],
    opt={"action": Permission.CLUSTER_PROVISION.value},
)
async def provision(request: guards.AnyRequest, cluster_id: FromPath[str]) -> Response[Accepted]:
    """Queues a provision job; on a healthy cluster it changes nothing. Behind an active job it waits.

    With `{"plan_hash": "..."}` it applies that plan: it changes nothing when the nodes are not as planned.
    """
    body = await request.body()
    asked = decoding.decode(body, wire.Provision) if body else wire.Provision()

    async def work() -> replies.Answer:
        cluster, job = await clusters.start(
            cluster_id, JobType.PROVISION, guards.caller(request), plan_hash=asked.plan_hash
        )
        reply = Accepted(
            message="Cluster provisioning initiated", cluster_id=str(cluster.id), job_id=str(job.id)
        )
        return replies.Answer(202, reply, {"Location": f"/api/v1/jobs/{job.id}"})

    return await replies.once(request, work)


@post(
    "/test-ssh",
    status_code=200,
    summary="Test SSH connection",
    dto=Body[wire.SshTest],
    guards=[guards.requires(Permission.CLUSTER_TEST_SSH)],
    opt={"action": Permission.CLUSTER_TEST_SSH.value},
)
async def test_ssh(request: guards.AnyRequest, data: JSONBody[wire.SshTest]) -> wire.SshReport:
    """Logs in to every node at once, changes nothing, and shows the host keys to compare."""
    reports = await ssh_check.test(
        [_node(node) for node in data.nodes],
        data.ssh_config.username,
        _secrets(data.ssh_config),
        guards.caller(request),
    )
    results = [
        wire.SshResult(
            node=report.node,
            ip_address=report.ip_address,
            success=report.success,
            message=report.message,
            host_keys=[wire.HostKey(type=key.type, fingerprint=key.fingerprint) for key in report.host_keys],
        )
        for report in reports
    ]
    return wire.SshReport(success=all(result.success for result in results), results=results)


@get(
    "/{cluster_id:str}/kubeconfig",
    summary="Download kubeconfig",
    media_type="application/x-yaml",
    guards=[guards.requires(Permission.CLUSTER_KUBECONFIG), guards.known_query],
    opt={"action": Permission.CLUSTER_KUBECONFIG.value},
)
async def kubeconfig(request: guards.AnyRequest, cluster_id: FromPath[str]) -> Response[bytes]:
    """The administrator kubeconfig; every download is written to the audit log."""
    name, text = await clusters.kubeconfig(cluster_id, guards.caller(request), state.of(request.app).cipher)
    headers = {"Content-Disposition": f'attachment; filename="{name}-kubeconfig.yaml"'}
    return Response(text.encode(), media_type="application/x-yaml", headers=headers)


@get(
    "/{cluster_id:str}/nodes",
    summary="List nodes",
    guards=[guards.requires(Permission.CLUSTER_READ), guards.known_query],
)
async def list_nodes(
    request: guards.AnyRequest,
    cluster_id: FromPath[str],
    page: PageNumber = 1,
    page_size: PageSize = 20,
    status_filter: _NodeStatus = None,
    search: Search = None,
    sort: _NodeSort = None,
) -> Response[Page[wire.Node]]:
    """In the order in which they were named. `search` looks for a part of the name or address."""
    found, total = await nodes.page(
        guards.principal(request),
        cluster_id,
        status=NodeStatus(status_filter) if status_filter else None,
        search=search,
        sort=sort,
        page=page,
        page_size=page_size,
    )
    data = [
        wire.Node(
            id=str(node.id),
            name=node.name,
            role=node.role,
            ip_address=node.ip_address,
            ssh_port=node.ssh_port,
            os_type=node.os_type,
            status=node.status,
            kubernetes_version=node.kubernetes_version,
            last_seen=node.last_seen,
        )
        for node in found
    ]
    return replies.page(data, total, page, page_size)


def _layer(data: wire.ClusterCreate) -> Layer:
    return Layer(
        topology=msgspec.convert(data.topology or {}, PartialTopology, from_attributes=True),
        components=msgspec.convert(data.components or {}, PartialComponents, from_attributes=True),
        hardening=msgspec.convert(data.hardening or {}, PartialHardening, from_attributes=True),
    )


def _source(data: wire.ClusterCreate) -> templates.Source | None:
    if data.template_id is not None:
        return templates.Source(template_id=data.template_id, version=data.template_version)
    if data.template_version is not None:
        raise InvalidSpec([FieldProblem("template_version", "needs template_id")])
    return None


def _new_cluster(data: wire.ClusterCreate, filled: Filled, template: dict[str, Any]) -> clusters.NewCluster:
    networking = data.networking or wire.NetworkingRequest()
    spec = ClusterSpec(
        id=str(uuid.uuid4()),
        name=data.name,
        topology=filled.topology,
        components=filled.components,
        nodes=tuple(_node(node) for node in data.nodes),
        username=data.ssh_config.username,
        hardening=filled.hardening,
        networking=msgspec.convert(networking, Networking, from_attributes=True),
        lab=data.lab,
    )
    return clusters.NewCluster(
        spec=spec,
        secrets=_secrets(data.ssh_config),
        description=data.description or "",
        template=template,
        fingerprints={node.name: node.fingerprint for node in data.nodes if node.fingerprint is not None},
        provision_immediately=data.provision_immediately,
    )


def _node(node: wire.NodeRequest) -> NodeSpec:
    return NodeSpec(
        name=node.name,
        role=node.role,
        ip_address=node.ip_address,
        os_type=node.os_type,
        ssh_port=node.ssh_port,
        host_keys=() if node.host_key is None else (node.host_key,),
    )


def _secrets(config: wire.SshConfigRequest) -> SshSecrets:
    # Forms send empty fields for what is not there.
    return SshSecrets(
        auth_method=config.auth_method,
        private_key=config.private_key or None,
        passphrase=config.passphrase or None,
        password=config.password or None,
    )


def _created(made: clusters.Created) -> wire.Created:
    cluster, job = made.cluster, made.job
    return wire.Created(
        cluster=wire.CreatedCluster(
            id=str(cluster.id), name=cluster.name, status=cluster.status, created_at=cluster.created_at
        ),
        job=None if job is None else _created_job(job),
    )


def _created_job(job: clusters.Job) -> wire.CreatedJob:
    return wire.CreatedJob(id=str(job.id), type=job.type, status=job.status, created_at=job.created_at)


def _tenant(of: clusters.Around) -> TenantName:
    return TenantName(id=str(of.tenant.id), slug=of.tenant.slug, name=of.tenant.name)


def _last_job(of: clusters.Around) -> wire.LastJob | None:
    job = of.last_job
    if job is None:
        return None
    shown = JobStatus.FAILED if job.status is JobStatus.INTERRUPTED else job.status
    return wire.LastJob(id=str(job.id), type=job.type, status=shown, created_at=job.created_at)


def _topology(topology: Topology) -> wire.Topology:
    return wire.Topology(
        ha=topology.ha,
        control_plane_count=topology.control_plane_count,
        worker_count=topology.worker_count,
    )


def _components(components: Components) -> wire.Components:
    return wire.Components(
        cni=components.cni,
        ingress=components.ingress,
        runtime=components.runtime,
        kubernetes_version=components.kubernetes_version,
    )


router = Router(
    "/api/v1/clusters",
    route_handlers=[
        create,
        list_clusters,
        test_ssh,
        get_cluster,
        delete_cluster,
        provision,
        kubeconfig,
        list_nodes,
    ],
    tags=["Clusters"],
)
