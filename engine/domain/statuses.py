"""Statuses, types and roles as stored and as shown, with the transitions a job may make."""

from __future__ import annotations

import enum


class ClusterStatus(enum.StrEnum):
    """A cluster's status; derived in `engine.domain.cluster_status`, never set by hand elsewhere."""

    PENDING = "pending"  # created, nothing provisioned yet
    PROVISIONING = "provisioning"  # first provision job queued or running
    RUNNING = "running"  # provisioned; stays so through scale and upgrade
    FAILED = "failed"  # the last provision or deprovision job did not succeed
    DELETED = "deleted"  # soft-deleted; its name is free again


class NodeStatus(enum.StrEnum):
    """A node's status as the last job left it."""

    PENDING = "pending"
    PROVISIONING = "provisioning"
    READY = "ready"
    FAILED = "failed"
    REMOVED = "removed"


class NodeRole(enum.StrEnum):
    """A node's place in its cluster."""

    CONTROL_PLANE = "control-plane"
    WORKER = "worker"


class OsType(enum.StrEnum):
    """Operating systems a node may run."""

    ROCKY9 = "rocky9"
    UBUNTU22 = "ubuntu22"
    RHEL9 = "rhel9"
    DEBIAN12 = "debian12"
    DEBIAN13 = "debian13"


class JobType(enum.StrEnum):
    """What a job does."""

    PROVISION = "provision"
    DEPROVISION = "deprovision"
    PLAN = "plan"  # what a provision job would change now; changes nothing
    VERIFY = "verify"  # whether the cluster is what its spec says; changes nothing
    HARDEN = "harden"  # brings a running cluster up to the benchmarks that its spec asks for
    SCAN = "scan"  # lets scanners look at the nodes; changes no setting of theirs
    ROTATE_ENCRYPTION_KEY = "rotate-encryption-key"  # of what the cluster keeps encrypted at rest

    @property
    def playbook(self) -> str:
        """Name of the playbook that jobs of this type play."""
        return JobType.PROVISION.value if self in CHECK_MODE_JOBS else self.value


#: Jobs that play the provision playbook in check mode and keep what they found as a plan.
CHECK_MODE_JOBS = frozenset({JobType.PLAN, JobType.VERIFY})
#: Jobs that only look. Half a look is none: they look at every node, and a retry looks again.
READ_ONLY_JOBS = CHECK_MODE_JOBS | {JobType.SCAN}
#: Jobs that a cluster's status, and its nodes', follow from. The others work on what is there: how they end
#: is told by themselves and by conditions.
STATUS_JOBS = frozenset({JobType.PROVISION, JobType.DEPROVISION})
OTHER_JOBS = frozenset(JobType) - STATUS_JOBS
#: Jobs that need a cluster that was provisioned.
JOBS_ON_CLUSTERS = frozenset({JobType.HARDEN, JobType.SCAN, JobType.ROTATE_ENCRYPTION_KEY})


class JobStatus(enum.StrEnum):
    """A job's life."""

    QUEUED = "queued"  # waits for a worker, or for the cluster's active job to end
    RUNNING = "running"  # claimed by a supervisor that renews its lease
    SUCCESS = "success"
    FAILED = "failed"
    CANCELLED = "cancelled"  # asked for by a person
    INTERRUPTED = "interrupted"  # its supervisor died or lost its lease; `retry` resumes


FINAL_JOB_STATUSES = frozenset(
    {JobStatus.SUCCESS, JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.INTERRUPTED}
)

JOB_TRANSITIONS: dict[JobStatus, frozenset[JobStatus]] = {
    JobStatus.QUEUED: frozenset({JobStatus.RUNNING, JobStatus.CANCELLED, JobStatus.FAILED}),
    JobStatus.RUNNING: FINAL_JOB_STATUSES,
    **{status: frozenset() for status in FINAL_JOB_STATUSES},
}


class PhaseStatus(enum.StrEnum):
    """A phase of a job: one play of its playbook."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"  # finished by an earlier attempt, or no host to work on


class Role(enum.StrEnum):
    """What an account may do; see `engine.domain.permissions`."""

    ADMIN = "admin"
    OPERATOR = "operator"
    VIEWER = "viewer"
