"""What the store gives and takes: plain values, one per row. Import the module: names are the tables' own."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import field

from engine.domain.conditions import Condition
from engine.domain.estimates import Expectation
from engine.domain.job_notices import ChannelKind, DeliveryStatus, EventFilter, NoticeEvent
from engine.domain.leases import DEFAULT_SECONDS
from engine.domain.plans import Document, Summary
from engine.domain.schedules import MissedRunPolicy, RunOutcome, RunReason
from engine.domain.specs import AuthMethod, Components, Hardening, Networking, Topology
from engine.domain.statuses import (
    ClusterStatus,
    JobStatus,
    JobType,
    NodeRole,
    NodeStatus,
    OsType,
    PhaseStatus,
    Role,
)
from engine.domain.tenants import ContactInfo, TenantStatus
from engine.store import scope

DEFAULT_TENANT = scope.DEFAULT_TENANT


def now() -> datetime:
    """The time in UTC, as every timestamp is kept."""
    return datetime.now(UTC)


class ClusterSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A cluster's spec as stored: nodes and credentials have tables of their own."""

    topology: Topology
    components: Components
    hardening: Hardening = Hardening()
    networking: Networking = Networking()
    lab: bool = False


class Tenant(msgspec.Struct, frozen=True, kw_only=True):
    """Owner of clusters and what belongs to them."""

    slug: str
    name: str
    email: str = ""
    contact_info: ContactInfo = ContactInfo()
    status: TenantStatus = TenantStatus.PENDING
    id: uuid.UUID = field(default_factory=uuid.uuid4)
    created_at: datetime = field(default_factory=now)
    updated_at: datetime = field(default_factory=now)
    deleted_at: datetime | None = None


class TenantMember(msgspec.Struct, frozen=True, kw_only=True):
    """An account that belongs to a tenant."""

    tenant_id: uuid.UUID
    account_id: uuid.UUID
    email: str
    id: uuid.UUID = field(default_factory=uuid.uuid4)
    created_at: datetime = field(default_factory=now)
    removed_at: datetime | None = None


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """Someone who can log in."""

    email: str  # lower case
    password_hash: str
    roles: list[Role]
    full_name: str = ""
    enabled: bool = True
    failed_logins: int = 0
    locked_until: datetime | None = None
    id: uuid.UUID = field(default_factory=uuid.uuid4)
    created_at: datetime = field(default_factory=now)
    updated_at: datetime = field(default_factory=now)


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """One refresh token, as a hash."""

    account_id: uuid.UUID
    refresh_hash: str
    expires_at: datetime
    family: uuid.UUID = field(default_factory=uuid.uuid4)
    revoked_at: datetime | None = None
    address: str = ""
    user_agent: str = ""
    id: uuid.UUID = field(default_factory=uuid.uuid4)
    created_at: datetime = field(default_factory=now)


class Cluster(msgspec.Struct, frozen=True, kw_only=True):
    """A cluster."""

    name: str
    spec: ClusterSettings
    kubernetes_version: str
    created_by: uuid.UUID | None
    created_by_email: str
    description: str = ""
    status: ClusterStatus = ClusterStatus.PENDING
    conditions: list[Condition] = []
    kubeconfig_encrypted: str | None = None
    tenant_id: uuid.UUID = field(default_factory=scope.for_new)
    id: uuid.UUID = field(default_factory=uuid.uuid4)
    created_at: datetime = field(default_factory=now)
    updated_at: datetime = field(default_factory=now)
    deleted_at: datetime | None = None
    hardening_changed_at: datetime | None = None


class SshCredential(msgspec.Struct, frozen=True, kw_only=True):
    """How to log in to a cluster's nodes; `secrets_encrypted` is encrypted JSON of `specs.SshSecrets`."""

    cluster_id: uuid.UUID
    username: str
    auth_method: AuthMethod
    secrets_encrypted: str
    id: uuid.UUID = field(default_factory=uuid.uuid4)
    created_at: datetime = field(default_factory=now)


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """A machine of a cluster."""

    cluster_id: uuid.UUID
    name: str
    role: NodeRole
    ip_address: str
    os_type: OsType
    ssh_port: int = 22
    status: NodeStatus = NodeStatus.PENDING
    machine_id: str = ""
    host_keys: list[str] = []
    kubernetes_version: str | None = None
    last_seen: datetime | None = None
    position: int = 0
    id: uuid.UUID = field(default_factory=uuid.uuid4)
    created_at: datetime = field(default_factory=now)


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One playbook run for a cluster."""

    cluster_id: uuid.UUID
    type: JobType
    requested_by: uuid.UUID | None
    requested_by_email: str
    status: JobStatus = JobStatus.QUEUED
    attempt: int = 0
    lease_until: datetime | None = None  # changes at each sign of life; no clock is compared with it
    lease_seconds: float = DEFAULT_SECONDS
    worker: str | None = None
    supervisor_pid: int | None = None
    cancel_requested_at: datetime | None = None
    retry_of: uuid.UUID | None = None
    retry_hosts: str = "all"  # all | failed | chosen
    left_out: list[str] = []  # unfinished nodes that a retry on chosen ones does not work on
    schedule_id: uuid.UUID | None = None
    deletes_cluster: bool = False
    plan_id: uuid.UUID | None = None  # the plan that it applies
    reason: str | None = None
    message: str | None = None
    correlation_id: str = ""
    tenant_id: uuid.UUID = field(default_factory=scope.for_new)
    id: uuid.UUID = field(default_factory=uuid.uuid4)
    created_at: datetime = field(default_factory=now)
    started_at: datetime | None = None
    finished_at: datetime | None = None
    last_sequence: int = 0
    expectation: Expectation | None = None


class Phase(msgspec.Struct, frozen=True, kw_only=True):
    """One play of a job's playbook."""

    job_id: uuid.UUID
    slug: str
    name: str
    position: int
    status: PhaseStatus = PhaseStatus.PENDING
    started_at: datetime | None = None
    finished_at: datetime | None = None
    id: uuid.UUID = field(default_factory=uuid.uuid4)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a plan or verify job found."""

    cluster_id: uuid.UUID
    job_id: uuid.UUID
    kind: str  # plan | verify
    hash: str
    facts_hash: str
    spec_hash: str
    summary: Summary
    document: Document
    tenant_id: uuid.UUID = field(default_factory=scope.for_new)
    id: uuid.UUID = field(default_factory=uuid.uuid4)
    created_at: datetime = field(default_factory=now)


class JobHost(msgspec.Struct, frozen=True, kw_only=True):
    """What a job did on one host. `ok` includes `changed`, as in Ansible's recap."""

    job_id: uuid.UUID
    host: str
    position: int = 0
    because: str = ""  # why a retry works on it
    ok: int = 0
    changed: int = 0
    failed: int = 0
    unreachable: int = 0
    skipped: int = 0
    rescued: int = 0
    ignored: int = 0
    duration_seconds: float = 0.0
    lost: str | None = None  # failed | unreachable
    phase: str | None = None
    task: str | None = None
    failure: str | None = None
    failed_task: str | None = None
    last_sequence: int = 0
    id: uuid.UUID = field(default_factory=uuid.uuid4)


class SlowTask(msgspec.Struct, frozen=True, kw_only=True):
    """One of the slowest tasks of a phase."""

    job_id: uuid.UUID
    sequence: int
    phase: str
    task: str
    role: str | None
    host: str
    seconds: float
    id: uuid.UUID = field(default_factory=uuid.uuid4)


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Who did what to what."""

    actor: str
    action: str
    resource_type: str
    resource_id: str
    resource_name: str
    status: str
    actor_id: uuid.UUID | None = None
    address: str = ""
    correlation_id: str = ""
    details: dict[str, Any] = {}
    tenant_id: uuid.UUID = DEFAULT_TENANT
    id: uuid.UUID = field(default_factory=uuid.uuid4)
    timestamp: datetime = field(default_factory=now)


class IdempotencyRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The answer given to a request with an Idempotency-Key; `status_code` is None while it is under way."""

    account_id: uuid.UUID
    key: str
    request_hash: str
    status_code: int | None = None
    response: bytes | None = None
    headers: dict[str, str] = {}
    id: uuid.UUID = field(default_factory=uuid.uuid4)
    created_at: datetime = field(default_factory=now)


class Worker(msgspec.Struct, frozen=True, kw_only=True):
    """A process that starts runs from one KEELYARD_HOME."""

    name: str
    hostname: str
    version: str
    forks: int
    memory_mb: int
    runs_limit: int | None = None
    drained: bool = False
    started_at: datetime = field(default_factory=now)
    last_seen: datetime = field(default_factory=now)
    stopped_at: datetime | None = None


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """A job that a clock asks for."""

    name: str
    cluster_id: uuid.UUID
    job_type: JobType
    cron: str
    time_zone: str
    created_by: uuid.UUID | None
    created_by_email: str
    enabled: bool = True
    missed_run_policy: MissedRunPolicy = MissedRunPolicy.SKIP
    parameters: dict[str, Any] = {}
    tenant_id: uuid.UUID = field(default_factory=scope.for_new)
    id: uuid.UUID = field(default_factory=uuid.uuid4)
    created_at: datetime = field(default_factory=now)
    updated_at: datetime = field(default_factory=now)
    last_run_at: datetime | None = None
    next_run_at: datetime | None = None


class ScheduleRun(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a due time, or of several that were missed in a row."""

    schedule_id: uuid.UUID
    due_at: datetime
    last_due_at: datetime
    outcome: RunOutcome
    trigger: str = "clock"  # clock | person
    due_count: int = 1  # schedules.MAXIMUM_COUNTED means: at least so many
    reason: RunReason | None = None
    message: str | None = None
    job_id: uuid.UUID | None = None
    id: uuid.UUID = field(default_factory=uuid.uuid4)
    recorded_at: datetime = field(default_factory=now)


class NotificationChannel(msgspec.Struct, frozen=True, kw_only=True):
    """Where notices go; `configuration_encrypted` is encrypted JSON, see `services.notification_channels`."""

    name: str
    kind: ChannelKind
    configuration_encrypted: str
    created_by: uuid.UUID | None
    created_by_email: str
    enabled: bool = True
    event_filter: EventFilter = EventFilter()
    tenant_id: uuid.UUID = field(default_factory=scope.for_new)
    id: uuid.UUID = field(default_factory=uuid.uuid4)
    created_at: datetime = field(default_factory=now)
    updated_at: datetime = field(default_factory=now)


class DeliveryTry(msgspec.Struct, frozen=True, kw_only=True):
    """One try to deliver a notice."""

    at: datetime
    seconds: float
    status_code: int | None = None  # of a webhook's receiver
    error: str | None = None  # None when it was taken


class NotificationDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """One notice for one channel."""

    channel_id: uuid.UUID
    event: NoticeEvent
    job_id: uuid.UUID | None = None
    content: dict[str, Any] = {}
    status: DeliveryStatus = DeliveryStatus.PENDING
    tries: list[DeliveryTry] = []
    tries_in_round: int = 0
    next_try_at: datetime | None = None
    claim: int = 0
    claimed_by: str | None = None
    lease_until: datetime | None = None
    id: uuid.UUID = field(default_factory=uuid.uuid4)
    created_at: datetime = field(default_factory=now)
    delivered_at: datetime | None = None
