"""Wire structs of the streams that tell of several jobs, and of everything."""

from __future__ import annotations

from datetime import datetime

from api.schemas.common import Reply
from api.schemas.jobs import Event


class JobEvent(Event):
    """One fact of one of several jobs."""

    job_id: str


class JobNews(Reply):
    """How a job stands. `progress` counts phases, in per cent; `phase` is the slug of the one that runs."""

    id: str
    type: str
    status: str
    reason: str | None
    cluster_id: str
    cluster_name: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    cancel_requested: bool
    phase: str | None
    progress: int
    last_sequence: int


class ClusterNews(Reply):
    """How a cluster stands; `deleted` is a status too."""

    id: str
    name: str
    status: str


class Snapshot(Reply):
    """How everything stands: active jobs and the latest ended ones, and all clusters."""

    jobs: list[JobNews]
    clusters: list[ClusterNews]
