"""Plan and verify: what a provision job would change, and whether a cluster is what its spec says."""

from __future__ import annotations

from litestar import Response, Router, post
from litestar.params import FromPath

from api import guards, replies
from api.schemas.common import Accepted
from engine.domain.permissions import Permission
from engine.domain.statuses import JobType
from engine.services import clusters


@post(
    "/clusters/{cluster_id:str}/plan",
    status_code=202,
    summary="Plan cluster",
    guards=[guards.requires(Permission.CLUSTER_PLAN)],
    opt={"action": Permission.CLUSTER_PLAN.value},
)
async def plan(request: guards.AnyRequest, cluster_id: FromPath[str]) -> Response[Accepted]:
    """Queues a job that finds out what a provision job would change now. It changes nothing itself."""
    return await _started(request, cluster_id, JobType.PLAN, "Cluster plan initiated")


@post(
    "/clusters/{cluster_id:str}/verify",
    status_code=202,
    summary="Verify cluster",
    guards=[guards.requires(Permission.CLUSTER_VERIFY)],
    opt={"action": Permission.CLUSTER_VERIFY.value},
)
async def verify(request: guards.AnyRequest, cluster_id: FromPath[str]) -> Response[Accepted]:
    """Queues a job that reports what differs from the spec. It only reads."""
    return await _started(request, cluster_id, JobType.VERIFY, "Cluster verification initiated")


async def _started(
    request: guards.AnyRequest, cluster_id: str, job_type: JobType, message: str
) -> Response[Accepted]:
    async def work() -> replies.Answer:
        cluster, job = await clusters.start(cluster_id, job_type, guards.caller(request))
        reply = Accepted(message=message, cluster_id=str(cluster.id), job_id=str(job.id))
        return replies.Answer(202, reply, {"Location": f"/api/v1/jobs/{job.id}"})

    return await replies.once(request, work)


router = Router("/api/v1", route_handlers=[plan, verify], tags=["Plans"])
