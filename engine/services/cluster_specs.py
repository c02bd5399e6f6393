"""The recorded spec of a cluster: what was asked for, whole, without what logs in."""

from __future__ import annotations

import msgspec

from engine.domain import permissions
from engine.domain.permissions import Permission, Principal
from engine.domain.specs import AuthMethod, ClusterSpec
from engine.services import clusters
from engine.store import clusters as rows
from engine.store import ssh_credentials


class RecordedSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A spec as it is kept; `auth_method` is None once the credential of a deleted cluster is gone."""

    spec: ClusterSpec
    description: str
    auth_method: AuthMethod | None


async def get(principal: Principal, reference: str) -> RecordedSpec:
    """The recorded spec of a cluster by id, deleted ones included, or by name; raises NotFound."""
    permissions.require(principal, Permission.CLUSTER_READ)
    cluster = await clusters.find(reference)
    credential = await ssh_credentials.of_cluster(cluster.id)
    return RecordedSpec(
        spec=await rows.spec(cluster),
        description=cluster.description,
        auth_method=None if credential is None else credential.auth_method,
    )
