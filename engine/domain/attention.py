"""What wants an operator now: one line per trouble, worst first. Pure; the facts come from the store."""

from __future__ import annotations

import enum
import uuid
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

import msgspec

from engine.domain import conditions
from engine.domain.capacity import WorkerState
from engine.domain.conditions import Condition, ConditionStatus, ConditionType
from engine.domain.permissions import Permission
from engine.domain.schedules import RunOutcome
from engine.domain.statuses import JobStatus, JobType

HOURS_OF_JOBS = 24  # a failed job asks for attention for so long, unless its cluster is failed
DAYS_OF_NOTICES = 7  # the same for notices that were given up, and for due times nobody served


class Severity(enum.StrEnum):
    """How much it matters, most first."""

    CRITICAL = "critical"  # something does not work
    WARNING = "warning"  # something will not, or may not
    UNKNOWN = "unknown"  # nobody knows
    NOTICE = "notice"  # as somebody wanted it, and easily forgotten


class Kind(enum.StrEnum):
    """What sort of trouble it is."""

    JOB = "job"
    CLUSTER = "cluster"
    CONDITION = "condition"
    CERTIFICATES = "certificates"
    QUEUE = "queue"
    WORKER = "worker"
    SCHEDULE = "schedule"
    NOTIFICATIONS = "notifications"
    BACKUP = "backup"


class Action(enum.StrEnum):
    """What can be asked for at once, without looking closer."""

    RETRY = "retry"  # the job
    RESUME = "resume"  # the worker
    VERIFY = "verify"  # the cluster


PERMISSIONS = {
    Action.RETRY: Permission.JOB_RETRY,
    Action.RESUME: Permission.WORKER_RESUME,
    Action.VERIFY: Permission.CLUSTER_VERIFY,
}


class Subject(msgspec.Struct, frozen=True):
    """What it is about: a collection of the API, the id there, and the name for people."""

    noun: str
    id: str
    name: str


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that wants somebody. `id` stays the same for as long as the trouble does."""

    id: str
    kind: Kind
    severity: Severity
    what: str  # the kind in one word that says more where there is one: a job type, a condition
    subject: Subject
    message: str
    since: datetime | None
    action: Action | None = None


class TroubledJob(msgspec.Struct, frozen=True, kw_only=True):
    """A job that failed or was interrupted, and that nothing has mended since."""

    id: uuid.UUID
    cluster_id: uuid.UUID
    cluster_name: str
    type: JobType
    status: JobStatus
    reason: str | None
    message: str | None
    finished_at: datetime | None
    phase: str | None  # name of the one that failed
    lost: list[str]  # nodes that it lost
    newest: bool  # no later job of the cluster stands in the way of a retry
    under_way: bool  # a later job of the same type waits or runs


class FailedCluster(msgspec.Struct, frozen=True, kw_only=True):
    """A cluster that its last job left in pieces."""

    id: uuid.UUID
    name: str
    last_type: JobType | None
    last_status: JobStatus | None
    since: datetime


class Observed(msgspec.Struct, frozen=True, kw_only=True):
    """A condition of a cluster that is not as it should be, or will soon not be."""

    cluster_id: uuid.UUID
    cluster_name: str
    condition: Condition


class UnservedSchedule(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule whose latest due time has no job."""

    id: uuid.UUID
    name: str
    cluster_name: str
    outcome: RunOutcome
    message: str | None
    due_count: int
    last_due_at: datetime


class DeadNotices(msgspec.Struct, frozen=True, kw_only=True):
    """Notices of one channel that were given up since its last success."""

    channel_id: uuid.UUID
    channel_name: str
    count: int
    since: datetime


class Workplace(msgspec.Struct, frozen=True, kw_only=True):
    """A worker, as far as it matters here."""

    name: str
    state: WorkerState
    runs: int
    last_seen: datetime


def ordered(items: Iterable[Item]) -> list[Item]:
    """Worst first, within that the latest first; what has no time comes last."""
    severities = list(Severity)
    return sorted(
        items,
        key=lambda item: (
            severities.index(item.severity),
            -item.since.timestamp() if item.since else 0.0,
            item.id,
        ),
    )


def of_jobs(found: Sequence[TroubledJob]) -> list[Item]:
    """One item per job."""
    return [
        Item(
            id=f"job/{job.id}",
            kind=Kind.JOB,
            severity=Severity.CRITICAL,
            what=job.type.value,
            subject=Subject("jobs", str(job.id), job.cluster_name),
            message=_told(job),
            since=job.finished_at,
            action=Action.RETRY if job.newest else None,
        )
        for job in found
    ]


def _told(job: TroubledJob) -> str:
    told = job.status.value
    if job.phase:
        told += f' in "{job.phase}"'
    if job.lost:
        more = f" and {len(job.lost) - 1} more" if len(job.lost) > 1 else ""
        told += f" on {job.lost[0]}{more}"
    why = " ".join((job.message or job.reason or "").split())
    told += f": {why}" if why and why != job.status.value else ""
    return f"is being tried again; {told}" if job.under_way else told


def of_clusters(found: Sequence[FailedCluster], told: Collection[uuid.UUID]) -> list[Item]:
    """Failed clusters, but for those whose failed job is told already."""
    return [
        Item(
            id=f"cluster/{cluster.id}",
            kind=Kind.CLUSTER,
            severity=Severity.CRITICAL,
            what="cluster",
            subject=Subject("clusters", str(cluster.id), cluster.name),
            message=(
                f"failed: its last {cluster.last_type.value} job was {_ended(cluster.last_status)}"
                if cluster.last_type
                else "failed"
            ),
            since=cluster.since,
        )
        for cluster in found
        if cluster.id not in told
    ]


def _ended(status: JobStatus | None) -> str:
    return "not successful" if status in (None, JobStatus.FAILED) else status.value


#: What a verification may find to be otherwise by now.
_LOOKED_AT = frozenset({ConditionType.NODES_REACHABLE, ConditionType.SPEC_APPLIED})
_OUTAGES = frozenset({ConditionType.NODES_REACHABLE, ConditionType.CONTROL_PLANE_AVAILABLE})


def of_conditions(found: Sequence[Observed], now: datetime) -> list[Item]:
    """One item per condition that is not true now."""
    items = []
    for one in found:
        condition = conditions.seen_at(one.condition, now)
        if condition.status is ConditionStatus.TRUE:
            continue
        certificates = condition.type is ConditionType.CERTIFICATES_VALID
        why = condition.message or condition.reason
        if certificates and condition.expires_at is not None:
            why = f"{_expiry(condition.expires_at, now)}. {why}"
        items.append(
            Item(
                id=f"condition/{one.cluster_id}/{condition.type.value}",
                kind=Kind.CERTIFICATES if certificates else Kind.CONDITION,
                severity=_severity(condition),
                what="certificates" if certificates else condition.type.value,
                subject=Subject("clusters", str(one.cluster_id), one.cluster_name),
                message=why,
                since=condition.last_transition_time,
                action=Action.VERIFY if condition.type in _LOOKED_AT else None,
            )
        )
    return items


def _severity(condition: Condition) -> Severity:
    if condition.status is ConditionStatus.UNKNOWN:
        return Severity.UNKNOWN
    if condition.type in _OUTAGES or condition.reason == conditions.EXPIRED:
        return Severity.CRITICAL
    return Severity.WARNING


def _expiry(moment: datetime, now: datetime) -> str:
    days = (moment - now).days
    if moment <= now:
        return f"expired {_days((now - moment).days)} ago"
    return f"expire in {_days(days)}" if days else "expire today"


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count} days"


def of_workers(found: Sequence[Workplace], queued: int) -> list[Item]:
    """Workers that are lost or take nothing more, and jobs that wait for any."""
    items = []
    ready = any(worker.state is WorkerState.READY for worker in found)
    if queued and not ready:
        waits = "1 job waits" if queued == 1 else f"{queued} jobs wait"
        what = (
            "no worker takes jobs now" if found else "no worker has registered: `keelyard worker` starts one"
        )
        items.append(
            Item(
                id="queue",
                kind=Kind.QUEUE,
                severity=Severity.CRITICAL,
                what="queue",
                subject=Subject("workers", "", "queue"),
                message=f"{waits}; {what}",
                since=None,
            )
        )
    for worker in found:
        if worker.state is WorkerState.LOST:
            runs = f" with {worker.runs} running" if worker.runs else ""
            items.append(
                _of_worker(worker, Severity.WARNING, f"lost: no heartbeat{runs}", worker.last_seen, None)
            )
        elif worker.state in (WorkerState.DRAINED, WorkerState.DRAINING):
            told = f"{worker.state.value}: takes no jobs until it is resumed"
            items.append(_of_worker(worker, Severity.NOTICE, told, None, Action.RESUME))
    return items


def _of_worker(
    worker: Workplace, severity: Severity, message: str, since: datetime | None, action: Action | None
) -> Item:
    return Item(
        id=f"worker/{worker.name}",
        kind=Kind.WORKER,
        severity=severity,
        what="worker",
        subject=Subject("workers", worker.name, worker.name),
        message=message,
        since=since,
        action=action,
    )


def of_schedules(found: Sequence[UnservedSchedule]) -> list[Item]:
    """Due times without a job."""
    items = []
    for schedule in found:
        times = "its last due time" if schedule.due_count == 1 else f"its last {schedule.due_count} due times"
        why = schedule.message or "no scheduler was up"
        items.append(
            Item(
                id=f"schedule/{schedule.id}",
                kind=Kind.SCHEDULE,
                severity=Severity.WARNING,
                what="schedule",
                subject=Subject("schedules", str(schedule.id), schedule.name),
                message=f"{schedule.outcome.value} {times} for {schedule.cluster_name}: {why}",
                since=schedule.last_due_at,
            )
        )
    return items


def of_notices(found: Sequence[DeadNotices]) -> list[Item]:
    """Channels that nothing gets through."""
    return [
        Item(
            id=f"channel/{channel.channel_id}",
            kind=Kind.NOTIFICATIONS,
            severity=Severity.WARNING,
            what="notices",
            subject=Subject("notification-channels", str(channel.channel_id), channel.channel_name),
            message=f"{channel.count} notice{'s' if channel.count > 1 else ''} could not be delivered",
            since=channel.since,
        )
        for channel in found
    ]


def of_backup(last: datetime | None, first_cluster: datetime | None, days: int, now: datetime) -> list[Item]:
    """Keelyard's own state that nobody has saved for long. `days` 0: nobody wants to know."""
    since = last or first_cluster
    if not days or since is None or (now - since).days < days:
        return []
    old = f"no backup of Keelyard's own state for {_days((now - since).days)}"
    never = "" if last else ", or ever"
    return [
        Item(
            id="backup",
            kind=Kind.BACKUP,
            severity=Severity.WARNING,
            what="backup",
            subject=Subject("", "", "Keelyard"),
            message=f"{old}{never}: `keelyard backup --to FILE` makes one",
            since=since,
        )
    ]
