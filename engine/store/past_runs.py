"""How long the phases of earlier jobs took."""

from __future__ import annotations

import uuid

import msgspec

from engine.domain.estimates import RUNS, PastRun
from engine.store import database, rows

_RECENT = 50  # runs of the type that are looked at for one on as many nodes

#: A whole run went through every phase: one without a node to work on took no time. A retry tells only of
#: those that it went through.
_RUNS = """
    SELECT past.cluster_id = $2 AS same_cluster,
        (SELECT count(*) FROM job_host WHERE job_host.job_id = past.id) AS nodes,
        coalesce((
            SELECT jsonb_object_agg(phase.slug, CASE WHEN phase.status = 'succeeded'
                THEN extract(epoch FROM phase.finished_at - phase.started_at) ELSE 0 END)
            FROM phase WHERE phase.job_id = past.id AND (
                phase.status = 'succeeded' AND phase.started_at IS NOT NULL AND phase.finished_at IS NOT NULL
                OR phase.status IN ('skipped', 'pending') AND past.retry_of IS NULL)), '{}'::jsonb) AS phases,
        coalesce(greatest(0, extract(epoch FROM (
            SELECT min(phase.started_at) FROM phase WHERE phase.job_id = past.id) - past.started_at)),
            0)::double precision AS startup
    FROM job AS past
    WHERE past.tenant_id = $1 AND past.type = $3 AND past.status = 'success' AND past.id <> $4"""


class History(msgspec.Struct, frozen=True):
    """What came before a job: on how many nodes it works, and the runs to compare it with, newest first."""

    nodes: int
    runs: list[PastRun]


async def before(job_id: uuid.UUID) -> History | None:
    """Runs of a job's type that succeeded: the last of its cluster, then the last of its tenant."""
    job = await database.fetch_one(
        "SELECT tenant_id, cluster_id, type, (SELECT count(*) FROM job_host WHERE job_id = $1) AS nodes"
        " FROM job WHERE id = $1",
        job_id,
    )
    if job is None:
        return None
    given = (job["tenant_id"], job["cluster_id"], job["type"], job_id)
    newest = "ORDER BY past.finished_at DESC LIMIT"
    own = await rows.many(PastRun, f"{_RUNS} AND past.cluster_id = $2 {newest} $5", *given, RUNS)
    others = await rows.many(PastRun, f"{_RUNS} AND past.cluster_id <> $2 {newest} $5", *given, _RECENT)
    return History(job["nodes"], own + others)
