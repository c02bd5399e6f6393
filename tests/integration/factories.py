"""Rows that tests need, with one call each."""

from __future__ import annotations

import uuid

from cryptography.fernet import Fernet

from engine.domain import catalogue
from engine.domain.specs import AuthMethod, Components, SshSecrets, Topology
from engine.domain.statuses import JobType, NodeRole, OsType
from engine.services.encryption import Cipher
from engine.services.runs import derive_status
from engine.store import clusters, database, jobs, nodes, queue, records, ssh_credentials

KEY = Fernet.generate_key().decode()
CIPHER = Cipher(KEY)
CANARY = "canary-7f3a9c-do-not-leak"
HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJmJmJmJmJmJmJmJmJmJmJmJmJmJmJmJmJmJmJmJmJmJ"
NODES = ("cp-1", "worker-1")


async def cluster(name: str = "", *, node_names: tuple[str, ...] = NODES) -> records.Cluster:
    """A cluster whose nodes nobody can reach over the network."""
    made = records.Cluster(
        name=name or f"cluster-{uuid.uuid4().hex[:8]}",
        spec=records.ClusterSettings(
            topology=Topology(ha=False, control_plane_count=1, worker_count=len(node_names) - 1),
            components=Components(
                kubernetes_version=catalogue.DEFAULT.kubernetes,
                cni="flannel",
                ingress="none",
                runtime="containerd",
            ),
        ),
        kubernetes_version=catalogue.DEFAULT.kubernetes,
        created_by=None,
        created_by_email="operator@example.com",
    )
    secrets = SshSecrets(auth_method=AuthMethod.PASSWORD, password=CANARY)
    async with database.transaction():
        await clusters.add(made)
        await ssh_credentials.add(
            records.SshCredential(
                cluster_id=made.id,
                username="root",
                auth_method=secrets.auth_method,
                secrets_encrypted=CIPHER.encrypt_secrets(secrets),
            )
        )
        await nodes.add_many(
            [
                records.Node(
                    cluster_id=made.id,
                    name=node,
                    role=NodeRole.WORKER if position else NodeRole.CONTROL_PLANE,
                    ip_address="127.0.0.1",
                    ssh_port=position + 1,
                    os_type=OsType.DEBIAN12,
                    host_keys=[
                        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJmJmJmJmJmJmJmJmJmJmJmJmJmJmJmJmJmJmJmJmJmJ"
                    ],
                    position=position,
                )
                for position, node in enumerate(node_names)
            ]
        )
    return made


async def job(of: records.Cluster, job_type: JobType = JobType.PROVISION, **values: object) -> records.Job:
    """A queued and triggered job."""
    made = records.Job(
        cluster_id=of.id,
        type=job_type,
        requested_by=None,
        requested_by_email="operator@example.com",
        **values,  # type: ignore[arg-type]
    )
    async with database.transaction():
        await jobs.add(made)
        await queue.trigger(made.id)
        await derive_status(of.id)
    return made
