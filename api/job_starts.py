"""Starting a job of a cluster over HTTP: queued once for each Idempotency-Key, answered with its place."""

from __future__ import annotations

from litestar import Response

from api import guards, replies
from api.schemas.common import Accepted
from engine.domain.statuses import JobType
from engine.services import clusters


async def started(
    request: guards.AnyRequest, cluster_id: str, job_type: JobType, message: str
) -> Response[Accepted]:
    """Queues the job for whoever asks: 202 with its id and `Location`, or what `clusters.start` refuses."""

    async def work() -> replies.Answer:
        cluster, job = await clusters.start(cluster_id, job_type, guards.caller(request))
        reply = Accepted(message=message, cluster_id=str(cluster.id), job_id=str(job.id))
        return replies.Answer(202, reply, {"Location": f"/api/v1/jobs/{job.id}"})

    return await replies.once(request, work)
