"""What the terminal reads from the API: the API's own wire structs, and nothing else of it."""

from __future__ import annotations

from api.schemas.audit_logs import AuditEntry, AuditHead
from api.schemas.auth import Tokens, User
from api.schemas.catalogue import Catalogue, Choice, ChoiceField
from api.schemas.cluster_specs import ClusterSpec
from api.schemas.clusters import (
    Cluster,
    ClusterItem,
    Condition,
    Created,
    Deleted,
    HostKey,
    LastJob,
    Node,
    SshReport,
    SshResult,
)
from api.schemas.common import Accepted, Page, Problem
from api.schemas.events import ClusterNews, JobEvent, JobNews, Snapshot
from api.schemas.hardening import (
    AdaptedItem,
    CatalogueItem,
    ClusterHardening,
    Counts,
    ExceptionBody,
    Report,
    ReportLine,
    ScannerSummary,
)
from api.schemas.hardening import Diff as HardeningDiff
from api.schemas.hardening import DiffLine as HardeningDiffLine
from api.schemas.hardening import Result as HardeningResult
from api.schemas.job_artifacts import Artifact
from api.schemas.jobs import Event, EventPage, Job, JobHost, Phase, Retried, SlowestTasks, TimedTask
from api.schemas.notification_channels import Channel, Delivery, DeliveryQueued
from api.schemas.overview import Attention, Overview, RunningJob, WorkerUse
from api.schemas.plans import Plan, PlanDiff, PlanItem, PlanLine
from api.schemas.plans import as_text as plan_as_text
from api.schemas.plans import is_empty as plan_is_empty
from api.schemas.schedules import DueTime, DueTimes, Schedule, ScheduleRun
from api.schemas.service_tokens import ServiceToken, ServiceTokenMade
from api.schemas.templates import Template
from api.schemas.tenants import Member, Tenant
from api.schemas.users import User as Account
from api.schemas.workers import Worker

__all__ = [
    "Accepted",
    "Account",
    "AdaptedItem",
    "Artifact",
    "Attention",
    "AuditEntry",
    "AuditHead",
    "Catalogue",
    "CatalogueItem",
    "Channel",
    "Choice",
    "ChoiceField",
    "Cluster",
    "ClusterHardening",
    "ClusterItem",
    "ClusterNews",
    "ClusterSpec",
    "Condition",
    "Counts",
    "Created",
    "Deleted",
    "Delivery",
    "DeliveryQueued",
    "DueTime",
    "DueTimes",
    "Event",
    "EventPage",
    "ExceptionBody",
    "HardeningDiff",
    "HardeningDiffLine",
    "HardeningResult",
    "HostKey",
    "Job",
    "JobEvent",
    "JobHost",
    "JobNews",
    "LastJob",
    "Member",
    "Node",
    "Overview",
    "Page",
    "Phase",
    "Plan",
    "PlanDiff",
    "PlanItem",
    "PlanLine",
    "Problem",
    "Report",
    "ReportLine",
    "Retried",
    "RunningJob",
    "ScannerSummary",
    "Schedule",
    "ScheduleRun",
    "ServiceToken",
    "ServiceTokenMade",
    "SlowestTasks",
    "Snapshot",
    "SshReport",
    "SshResult",
    "Template",
    "Tenant",
    "TimedTask",
    "Tokens",
    "User",
    "Worker",
    "WorkerUse",
    "plan_as_text",
    "plan_is_empty",
]
