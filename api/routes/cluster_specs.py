"""The recorded spec of a cluster."""

from __future__ import annotations

import msgspec
from litestar import Router, get
from litestar.params import FromPath

from api import guards
from api.schemas import cluster_specs as wire
from api.schemas.clusters import Components, Topology
from engine.domain.permissions import Permission
from engine.services import cluster_specs


@get(
    "/{cluster_id:str}/spec",
    summary="Get the spec of a cluster",
    guards=[guards.requires(Permission.CLUSTER_READ), guards.known_query],
)
async def get_spec(request: guards.AnyRequest, cluster_id: FromPath[str]) -> wire.ClusterSpec:
    """What was asked for, whole and without secrets, in the shape of a spec file."""
    found = await cluster_specs.get(guards.principal(request), cluster_id)
    spec = found.spec
    login = None
    if found.auth_method is not None:
        login = wire.SpecLogin(username=spec.username, auth_method=found.auth_method)
    return wire.ClusterSpec(
        id=spec.id,
        name=spec.name,
        description=found.description,
        topology=msgspec.convert(spec.topology, Topology, from_attributes=True),
        components=msgspec.convert(spec.components, Components, from_attributes=True),
        nodes=[msgspec.convert(node, wire.SpecNode, from_attributes=True) for node in spec.nodes],
        ssh_config=login,
        hardening=msgspec.convert(spec.hardening, wire.SpecHardening, from_attributes=True),
        networking=msgspec.convert(spec.networking, wire.SpecNetworking, from_attributes=True),
        lab=spec.lab,
    )


router = Router("/api/v1/clusters", route_handlers=[get_spec], tags=["Clusters"])
