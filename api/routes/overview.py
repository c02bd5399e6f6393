"""Everything at a glance, for whoever asks: what wants me now?"""

from __future__ import annotations

from datetime import datetime

from litestar import Router, get

from api import guards, state
from api.schemas import overview as wire
from engine.domain.attention import Item
from engine.domain.permissions import Permission
from engine.domain.statuses import PhaseStatus
from engine.services import estimates, overview
from engine.services.jobs import JobView
from engine.services.workers import WorkerView

_DONE = frozenset({PhaseStatus.SUCCEEDED, PhaseStatus.SKIPPED})


@get(
    "/",
    summary="See what wants attention",
    guards=[guards.requires(Permission.CLUSTER_READ), guards.known_query],
)
async def see(request: guards.AnyRequest) -> wire.Overview:
    """What wants somebody, worst first; what runs; and how many clusters, nodes, waiting jobs and workers."""
    days = state.of(request.app).settings.state_backup_days
    found = await overview.see(guards.principal(request), backup_days=days)
    counts = found.counts
    return wire.Overview(
        at=found.at,
        attention=[_attention(item) for item in found.attention],
        attention_count=found.attention_count,
        running=[_running(job, found.at) for job in found.running],
        running_count=counts.running,
        queued_count=counts.queued,
        clusters=counts.clusters,
        clusters_count=sum(counts.clusters.values()),
        nodes=counts.nodes,
        nodes_count=sum(counts.nodes.values()),
        workers=[_worker(worker) for worker in found.workers],
    )


def _attention(item: Item) -> wire.Attention:
    return wire.Attention(
        id=item.id,
        kind=item.kind.value,
        severity=item.severity.value,
        what=item.what,
        subject=wire.Subject(item.subject.noun, item.subject.id, item.subject.name),
        message=item.message,
        since=item.since,
        action=item.action.value if item.action else None,
    )


def _running(job: JobView, now: datetime) -> wire.RunningJob:
    estimate = estimates.of_job(job, now)
    return wire.RunningJob(
        id=str(job.id),
        type=job.type.value,
        cluster_id=str(job.cluster_id),
        cluster_name=job.cluster_name,
        phase=next((phase.name for phase in job.phases if phase.status is PhaseStatus.RUNNING), None),
        phases_done=sum(phase.status in _DONE for phase in job.phases),
        phases=len(job.phases),
        progress=estimates.progress(job, estimate),
        started_at=job.started_at,
        estimated_finish_at=estimate.finish_at if estimate else None,
    )


def _worker(worker: WorkerView) -> wire.WorkerUse:
    return wire.WorkerUse(
        name=worker.name,
        state=worker.state.value,
        jobs=len(worker.jobs),
        forks=worker.forks,
        forks_used=worker.load.forks,
    )


router = Router("/api/v1/overview", route_handlers=[see], tags=["Overview"])
