"""Notices about an ended job, written in the transaction that ends it: neither exists without the other."""

from __future__ import annotations

import uuid
from typing import Any

from engine.domain.job_notices import NoticeEvent
from engine.store import clusters, jobs, notification_channels, notification_deliveries, records


async def put(job_id: uuid.UUID) -> None:
    """One delivery for each channel that wants to know how a job ended."""
    job = await jobs.get(job_id)
    assert job is not None
    wanted = [
        channel
        for channel in await notification_channels.enabled(job.tenant_id)
        if channel.event_filter.wants(job.type, job.status, job.cluster_id)
    ]
    if not wanted:
        return
    cluster = await clusters.get(job.cluster_id)
    assert cluster is not None
    told = _content(job, cluster)
    await notification_deliveries.add_many(
        [
            records.NotificationDelivery(
                channel_id=channel.id,
                event=NoticeEvent.JOB_ENDED,
                job_id=job.id,
                content=told,
                next_try_at=job.finished_at,
            )
            for channel in wanted
        ]
    )


def _content(job: records.Job, cluster: records.Cluster) -> dict[str, Any]:
    """What is told: names and results. `message` was redacted when the run wrote it."""
    return {
        "job": {
            "id": str(job.id),
            "type": job.type.value,
            "status": job.status.value,
            "reason": job.reason,
            "first_failure": job.message,
            "created_by": job.requested_by_email,
            "created_at": _time(job.created_at),
            "started_at": _time(job.started_at),
            "finished_at": _time(job.finished_at),
            "retry_of": str(job.retry_of) if job.retry_of else None,
            "schedule_id": str(job.schedule_id) if job.schedule_id else None,
        },
        "cluster": {"id": str(cluster.id), "name": cluster.name, "status": cluster.status.value},
    }


def _time(moment: Any) -> str | None:
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")
