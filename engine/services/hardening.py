"""How a cluster is hardened: what is asked for, and changed. Jobs carry it out."""

from __future__ import annotations

from typing import Any

import msgspec

from engine.domain import cluster_status, hardening_rules, permissions
from engine.domain.errors import ClusterBusy, InvalidSpec
from engine.domain.hardening import HardeningException
from engine.domain.permissions import Permission, Principal
from engine.domain.specs import Hardening
from engine.services import audit_log, clusters, hardening_catalogue
from engine.services.hardening_catalogue import Adapted
from engine.services.identity import Caller
from engine.store import clusters as rows
from engine.store import jobs, nodes, records


class ClusterHardening(msgspec.Struct, frozen=True, kw_only=True):
    """What a cluster's hardening is set to, and what is not as the benchmarks have it."""

    cluster: records.Cluster
    adapted: list[Adapted]

    @property
    def settings(self) -> Hardening:
        """What is asked for."""
        return self.cluster.spec.hardening


async def get(principal: Principal, reference: str) -> ClusterHardening:
    """The hardening of a cluster by id, deleted ones included, or by name; raises NotFound."""
    return await _whole(await clusters.get(principal, reference))


async def change(reference: str, changes: dict[str, Any], caller: Caller) -> ClusterHardening:
    """Change settings, by their names in `specs.Hardening`; what is not named stays. In a transaction.

    The next harden job, or provision job, carries it out. Raises InvalidSpec with every problem of what it
    would be then, NotFound, Forbidden, and ClusterBusy while a job of the cluster is active, which would not
    know which settings to go by.
    """
    assert caller.principal is not None
    permissions.require(caller.principal, Permission.CLUSTER_SET_HARDENING)
    cluster = await clusters.locked(reference)
    before = cluster.spec.hardening
    after = msgspec.structs.replace(before, **changes)
    asked = msgspec.structs.asdict(after)
    cni = cluster.spec.components.cni
    if found := list(hardening_rules.problems(asked, hardening_catalogue.items(), cni)):
        raise InvalidSpec(found)
    active = await jobs.active_of_cluster(cluster.id)
    if active:
        raise ClusterBusy(
            f"Cluster {cluster.name!r} has an active {active[0].type.value} job, {active[0].id}.",
            remedy="Wait for it, or cancel it: a job goes by the settings it began with.",
        )
    if after != before:
        await _keep(cluster, after)
    details = {"changed": _told(before, after)}
    await audit_log.record(
        caller, Permission.CLUSTER_SET_HARDENING.value, clusters.resource(cluster), details=details
    )
    return await _whole(msgspec.structs.replace(cluster, spec=_spec(cluster, after)))


async def _keep(cluster: records.Cluster, after: Hardening) -> None:
    now = records.now()
    await rows.update(
        cluster.id,
        spec=_spec(cluster, after),
        hardening_changed_at=now,
        conditions=cluster_status.hardening_changed(cluster.conditions, after, now),
    )


def _spec(cluster: records.Cluster, hardening: Hardening) -> records.ClusterSettings:
    return msgspec.structs.replace(cluster.spec, hardening=hardening)


async def _whole(cluster: records.Cluster) -> ClusterHardening:
    systems = {node.os_type for node in await nodes.of_cluster(cluster.id)}
    settings = cluster.spec
    found = hardening_catalogue.adapted(systems, settings.hardening.exceptions, lab=settings.lab)
    return ClusterHardening(cluster=cluster, adapted=found)


def _told(before: Hardening, after: Hardening) -> dict[str, Any]:
    """What changed, by name; of exceptions those that came, went or have another reason now."""
    told: dict[str, Any] = {}
    for name in before.__struct_fields__:
        old, new = getattr(before, name), getattr(after, name)
        if name != "exceptions" and old != new:
            told[name] = {"from": old, "to": new}
    old_reasons, new_reasons = _reasons(before.exceptions), _reasons(after.exceptions)
    if removed := sorted(old_reasons.keys() - new_reasons.keys()):
        told["exceptions_removed"] = removed
    if put := {each: reason for each, reason in new_reasons.items() if old_reasons.get(each) != reason}:
        told["exceptions_put"] = put
    return told


def _reasons(exceptions: tuple[HardeningException, ...]) -> dict[str, str]:
    return {exception.id: exception.reason for exception in exceptions}
