"""Tables, one file per noun. Events are partitioned, and results of hardening have keys of two columns,
which Piccolo cannot say: see the migrations.
"""

from piccolo.table import Table

from engine.store.tables.account import Account
from engine.store.tables.audit_entry import AuditEntry
from engine.store.tables.audit_link import AuditLink
from engine.store.tables.cluster import Cluster
from engine.store.tables.denied_session import DeniedSession
from engine.store.tables.hardening_report import HardeningReport
from engine.store.tables.idempotency_record import IdempotencyRecord
from engine.store.tables.job import Job
from engine.store.tables.job_artifact import JobArtifact
from engine.store.tables.job_host import JobHost
from engine.store.tables.node import Node
from engine.store.tables.notification_channel import NotificationChannel
from engine.store.tables.notification_delivery import NotificationDelivery
from engine.store.tables.password_reset import PasswordReset
from engine.store.tables.phase import Phase
from engine.store.tables.plan import Plan
from engine.store.tables.schedule import Schedule
from engine.store.tables.schedule_run import ScheduleRun
from engine.store.tables.service_token import ServiceToken
from engine.store.tables.session import Session
from engine.store.tables.slow_task import SlowTask
from engine.store.tables.ssh_credential import SshCredential
from engine.store.tables.template import Template
from engine.store.tables.template_version import TemplateVersion
from engine.store.tables.tenant import Tenant
from engine.store.tables.tenant_member import TenantMember
from engine.store.tables.user_change import UserChange
from engine.store.tables.worker import Worker

#: In the order in which foreign keys allow them to be made.
ALL: tuple[type[Table], ...] = (
    Tenant,
    Account,
    Session,
    Cluster,
    SshCredential,
    Node,
    Job,
    Phase,
    Plan,
    JobHost,
    JobArtifact,
    HardeningReport,
    SlowTask,
    AuditEntry,
    AuditLink,
    IdempotencyRecord,
    Worker,
    Schedule,
    ScheduleRun,
    NotificationChannel,
    NotificationDelivery,
    PasswordReset,
    ServiceToken,
    DeniedSession,
    UserChange,
    TenantMember,
    Template,
    TemplateVersion,
)

__all__ = [
    "ALL",
    "Account",
    "AuditEntry",
    "AuditLink",
    "Cluster",
    "DeniedSession",
    "HardeningReport",
    "IdempotencyRecord",
    "Job",
    "JobArtifact",
    "JobHost",
    "Node",
    "NotificationChannel",
    "NotificationDelivery",
    "PasswordReset",
    "Phase",
    "Plan",
    "Schedule",
    "ScheduleRun",
    "ServiceToken",
    "Session",
    "SlowTask",
    "SshCredential",
    "Template",
    "TemplateVersion",
    "Tenant",
    "TenantMember",
    "UserChange",
    "Worker",
]
