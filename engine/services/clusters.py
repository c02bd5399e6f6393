"""Clusters: created, listed, provisioned again, deleted. One transaction per deed, audit entry included."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

import asyncpg
import msgspec

from engine.domain import catalogue, permissions, spec_rules
from engine.domain.errors import (
    ClusterBusy,
    Conflict,
    FieldProblem,
    Forbidden,
    InvalidSpec,
    NameTaken,
    NotFound,
)
from engine.domain.permissions import Permission, Principal
from engine.domain.specs import ClusterSpec, SshSecrets
from engine.domain.statuses import ClusterStatus, JobType, Role
from engine.execution import hardening_catalogue
from engine.services import audit_log, expected_host_keys, job_queue, own_machine, runs, stored_plans
from engine.services.encryption import Cipher
from engine.services.identity import Caller
from engine.store import (
    cluster_views,
    clusters,
    database,
    jobs,
    locks,
    nodes,
    records,
    scope,
    ssh_credentials,
)

Job = records.Job
Around = cluster_views.Around

#: Job types that `start` takes, and what it takes to start them.
_STARTS = {
    JobType.PROVISION: Permission.CLUSTER_PROVISION,
    JobType.PLAN: Permission.CLUSTER_PLAN,
    JobType.VERIFY: Permission.CLUSTER_VERIFY,
    JobType.HARDEN: Permission.CLUSTER_HARDEN,
    JobType.SCAN: Permission.CLUSTER_SCAN,
    JobType.ROTATE_ENCRYPTION_KEY: Permission.CLUSTER_ROTATE_ENCRYPTION_KEY,
}
SORTS = tuple(cluster_views.ORDERS)
ALL = "all"  # the status filter that includes deleted clusters


class NewCluster(msgspec.Struct, frozen=True, kw_only=True):
    """A cluster as asked for. `fingerprints` are expected host keys by node name, "SHA256:..."."""

    spec: ClusterSpec
    secrets: SshSecrets
    description: str = ""
    template: dict[str, Any] = {}  # what the audit log tells of the template that filled it
    fingerprints: dict[str, str] = {}
    provision_immediately: bool = True


class Created(msgspec.Struct, frozen=True, kw_only=True):
    """What a creation wrote."""

    cluster: records.Cluster
    job: records.Job | None


async def create(new: NewCluster, caller: Caller, cipher: Cipher) -> Created:
    """Write cluster, nodes, credential, first job, audit entry and queue entry, or nothing.

    Raises InvalidSpec with every problem, NameTaken, Forbidden.
    """
    principal = _allowed(caller, Permission.CLUSTER_CREATE)
    await _check(new)
    spec = await expected_host_keys.pinned(new.spec, new.fingerprints)
    cluster = _row(new, spec, principal)
    try:
        async with database.transaction():
            # One creation at a time, so that two cannot take the same address.
            await locks.until_commit("keelyard:cluster:create")
            if await clusters.by_name(spec.name, cluster.tenant_id) is not None:
                raise _name_taken(spec.name)
            await _refuse_taken_addresses(spec)
            await clusters.add(cluster)
            await nodes.add_many(_node_rows(spec, cluster.id))
            await ssh_credentials.add(_credential(new, cluster.id, cipher))
            job = None
            if new.provision_immediately:
                job = await job_queue.put(cluster, JobType.PROVISION, caller)
            details = {
                "kubernetes_version": cluster.kubernetes_version,
                "nodes": [node.ip_address for node in spec.nodes],
                "lab": spec.lab,
                "job_id": str(job.id) if job else None,
                **new.template,
            }
            await audit_log.record(
                caller, Permission.CLUSTER_CREATE.value, resource(cluster), details=details
            )
    except asyncpg.UniqueViolationError as error:
        if error.constraint_name != "cluster_name_unique":
            raise
        raise _name_taken(spec.name) from error
    return Created(cluster=cluster, job=job)


async def page(
    principal: Principal,
    status: ClusterStatus | str | None,
    *,
    search: str | None = None,
    sort: str | None = None,
    page: int,
    page_size: int,
) -> tuple[list[cluster_views.Summary], int]:
    """Clusters, newest first or as sorted, and how many; deleted ones only under `deleted` and `all`."""
    permissions.require(principal, Permission.CLUSTER_READ)
    wanted = None if status in (None, ALL) else ClusterStatus(status)
    return await cluster_views.page(
        wanted,
        deleted_too=status == ALL,
        search=search,
        sort=sort,
        offset=(page - 1) * page_size,
        limit=page_size,
    )


async def around(cluster: records.Cluster) -> Around:
    """Whose a cluster is, and its newest job."""
    found = await cluster_views.around(cluster.id)
    if found is None:
        raise NotFound(f"There is no cluster {cluster.name!r}.")
    return found


async def get(principal: Principal, reference: str) -> records.Cluster:
    """The cluster of this id, deleted ones included, or of this name; raises NotFound."""
    permissions.require(principal, Permission.CLUSTER_READ)
    return await find(reference)


async def find(reference: str) -> records.Cluster:
    """The cluster of this id, deleted ones included, or of this name; raises NotFound."""
    if spec_rules.is_uuid(reference):
        found = await clusters.get(uuid.UUID(reference))
    else:
        found = await _named(reference) if spec_rules.is_label(reference) else None
    if found is None:
        raise NotFound(f"There is no cluster {reference[:100]!r}.")
    return found


async def _named(name: str) -> records.Cluster | None:
    """The cluster of this name: in the caller's own tenant, or the only one in sight."""
    found = await clusters.named(name)
    home = scope.current().home
    own = [cluster for cluster in found if cluster.tenant_id == home]
    if len(own or found) > 1:
        raise Conflict(
            f"Several of your tenants have a cluster {name!r}.",
            remedy="Name it by its id, or the tenant by X-Tenant-ID.",
        )
    return next(iter(own or found), None)


async def load_spec(reference: str, cipher: Cipher) -> tuple[ClusterSpec, SshSecrets]:
    """Everything a run or an export needs to know about a cluster; raises NotFound."""
    cluster = await find(reference)
    credential = await ssh_credentials.of_cluster(cluster.id)
    if credential is None:
        raise NotFound(f"Cluster {cluster.name!r} has no SSH credential any more.")
    secrets = cipher.decrypt_secrets(credential.secrets_encrypted)
    return await clusters.spec(cluster), secrets


async def start(
    reference: str, job_type: JobType, caller: Caller, *, plan_hash: str | None = None
) -> tuple[records.Cluster, records.Job]:
    """Queue a job that needs no more than its type. Behind other jobs it waits.

    A provision job with the hash of a plan changes nothing unless the nodes are as that plan found them.

    Raises NotFound, Forbidden, InvalidSpec for what is no hash, Conflict for a plan of another spec and for
    a job that has nothing to work on, and ClusterBusy for a cluster that is being deleted.
    """
    permission = _STARTS[job_type]
    _allowed(caller, permission)
    async with database.transaction():
        cluster = await locked(reference)
        await _refuse_if_leaving(cluster)
        plan_id = None if plan_hash is None else await stored_plans.choose(cluster, plan_hash)
        job = await job_queue.put(cluster, job_type, caller, plan_id=plan_id)
        await runs.derive_status(cluster.id)
        details = {"job_id": str(job.id)} | ({"plan_hash": plan_hash} if plan_hash else {})
        await audit_log.record(caller, permission.value, resource(cluster), details=details)
    return cluster, job


async def delete(
    reference: str, caller: Caller, *, deprovision: bool
) -> tuple[records.Cluster, records.Job | None]:
    """Soft-delete a cluster, or queue the job that cleans its nodes and deletes it then.

    Raises NotFound for one that is deleted already, Forbidden for who is neither creator nor admin, and
    ClusterBusy for a soft delete beside an active job: the run would go on and nobody could see it.
    """
    principal = _allowed(caller, Permission.CLUSTER_DELETE)
    async with database.transaction():
        cluster = await locked(reference)
        if Role.ADMIN not in principal.roles and str(cluster.created_by) != principal.account_id:
            raise Forbidden("Not enough permissions: only its creator or an administrator deletes a cluster.")
        await _refuse_if_leaving(cluster)
        job = None
        if deprovision:
            job = await job_queue.put(cluster, JobType.DEPROVISION, caller, deletes_cluster=True)
            await runs.derive_status(cluster.id)
        else:
            await _refuse_if_busy(cluster)
            await clusters.mark_deleted(cluster.id)
            await ssh_credentials.forget(cluster.id)
        details = {"deprovision": deprovision, "job_id": str(job.id) if job else None}
        await audit_log.record(caller, Permission.CLUSTER_DELETE.value, resource(cluster), details=details)
    return cluster, job


async def kubeconfig(reference: str, caller: Caller, cipher: Cipher) -> tuple[str, str]:
    """A cluster's name and its administrator kubeconfig, audited; raises NotFound until there is one."""
    _allowed(caller, Permission.CLUSTER_KUBECONFIG)
    cluster = await find(reference)
    if cluster.kubeconfig_encrypted is None:
        raise NotFound(
            f"Cluster {cluster.name!r} has no kubeconfig yet: the cluster is {cluster.status.value}.",
            remedy="It is there once a provision job has brought the control plane up.",
        )
    async with database.transaction():
        await audit_log.record(caller, Permission.CLUSTER_KUBECONFIG.value, resource(cluster))
    return cluster.name, cipher.decrypt(cluster.kubeconfig_encrypted)


def _allowed(caller: Caller, permission: Permission) -> Principal:
    assert caller.principal is not None
    permissions.require(caller.principal, permission)
    return caller.principal


async def _check(new: NewCluster) -> None:
    surroundings = spec_rules.Surroundings(
        kubernetes_versions=catalogue.supported(),
        hardening_items=hardening_catalogue.items(),
        own_addresses=own_machine.addresses(),
    )
    problems = [
        *spec_rules.problems(new.spec, surroundings),
        *spec_rules.access_problems(new.spec.username, new.secrets),
        *expected_host_keys.problems(new.spec, new.fingerprints),
    ]
    if len(new.description) > 1000 or any(
        ord(character) < 32 and character not in "\n\t" for character in new.description
    ):
        problems.append(FieldProblem("description", "must be at most 1000 characters of plain text"))
    if problems:
        raise InvalidSpec(problems)


def _name_taken(name: str) -> NameTaken:
    return NameTaken(f"There is a cluster {name!r} already.", remedy="Choose another name.")


async def _refuse_taken_addresses(spec: ClusterSpec) -> None:
    wanted = [node.ip_address for node in spec.nodes]
    with scope.everything():  # a machine is in one cluster, whoever's that is
        occupied = {(taken.ip_address, taken.ssh_port): taken for taken in await nodes.occupied(wanted)}
    visible = {taken.cluster_id for taken in await nodes.occupied(wanted)}
    problems = []
    for index, node in enumerate(spec.nodes):
        taken = occupied.get((node.ip_address, node.ssh_port))
        if taken is not None:
            message = f"{node.ip_address} is node {taken.node_name} of cluster {taken.cluster_name}"
            if taken.cluster_id not in visible:
                message = f"{node.ip_address} is a node of another cluster"
            problems.append(FieldProblem(f"nodes.{index}.ip_address", message))
    if problems:
        raise InvalidSpec(problems)


async def locked(reference: str) -> records.Cluster:
    """The undeleted cluster of this id or name, locked until the transaction ends; raises NotFound."""
    found = await find(reference)
    cluster = await clusters.get(found.id, lock=True)
    if cluster is None or cluster.deleted_at is not None:
        raise NotFound(f"There is no cluster {reference[:100]!r}.")
    return cluster


async def _refuse_if_leaving(cluster: records.Cluster) -> None:
    for job in await jobs.active_of_cluster(cluster.id):
        if job.deletes_cluster:
            raise ClusterBusy(f"Cluster {cluster.name!r} is being deleted by job {job.id}.")


async def _refuse_if_busy(cluster: records.Cluster) -> None:
    active = await jobs.active_of_cluster(cluster.id)
    if active:
        raise ClusterBusy(
            f"Cluster {cluster.name!r} has an active {active[0].type.value} job, {active[0].id}.",
            remedy="Cancel it or wait for it, or delete with deprovision=true, which queues behind it.",
        )


def resource(cluster: records.Cluster) -> audit_log.Resource:
    """A cluster as the audit log names it."""
    return audit_log.Resource("cluster", str(cluster.id), cluster.name, tenant_id=cluster.tenant_id)


def _row(new: NewCluster, spec: ClusterSpec, principal: Principal) -> records.Cluster:
    created: datetime = records.now()
    return records.Cluster(
        id=uuid.UUID(spec.id),
        name=spec.name,
        description=new.description,
        spec=records.ClusterSettings(
            topology=spec.topology,
            components=spec.components,
            hardening=spec.hardening,
            networking=spec.networking,
            lab=spec.lab,
        ),
        kubernetes_version=spec.components.kubernetes_version,
        created_by=uuid.UUID(principal.account_id),
        created_by_email=principal.email,
        created_at=created,
        updated_at=created,
    )


def _node_rows(spec: ClusterSpec, cluster_id: uuid.UUID) -> list[records.Node]:
    return [
        records.Node(
            cluster_id=cluster_id,
            name=node.name,
            role=node.role,
            ip_address=node.ip_address,
            os_type=node.os_type,
            ssh_port=node.ssh_port,
            host_keys=list(node.host_keys),
            position=position,
        )
        for position, node in enumerate(spec.nodes)
    ]


def _credential(new: NewCluster, cluster_id: uuid.UUID, cipher: Cipher) -> records.SshCredential:
    return records.SshCredential(
        cluster_id=cluster_id,
        username=new.spec.username,
        auth_method=new.secrets.auth_method,
        secrets_encrypted=cipher.encrypt_secrets(new.secrets),
    )
