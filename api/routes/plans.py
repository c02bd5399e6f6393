"""Plan and verify: what a provision job would change, and whether a cluster is what its spec says."""

from __future__ import annotations

from litestar import Response, Router, get, post
from litestar.params import FromPath, FromQuery

from api import guards, replies
from api.job_starts import started
from api.replies import PageNumber, PageSize
from api.schemas import plans as wire
from api.schemas.common import Accepted, Page
from engine.domain.permissions import Permission
from engine.domain.statuses import JobType
from engine.services import jobs, plans


@post(
    "/clusters/{cluster_id:str}/plan",
    status_code=202,
    summary="Plan cluster",
    guards=[guards.requires(Permission.CLUSTER_PLAN)],
    opt={"action": Permission.CLUSTER_PLAN.value},
)
async def plan(request: guards.AnyRequest, cluster_id: FromPath[str]) -> Response[Accepted]:
    """Queues a job that finds out what a provision job would change now. It changes nothing itself."""
    return await started(request, cluster_id, JobType.PLAN, "Cluster plan initiated")


@post(
    "/clusters/{cluster_id:str}/verify",
    status_code=202,
    summary="Verify cluster",
    guards=[guards.requires(Permission.CLUSTER_VERIFY)],
    opt={"action": Permission.CLUSTER_VERIFY.value},
)
async def verify(request: guards.AnyRequest, cluster_id: FromPath[str]) -> Response[Accepted]:
    """Queues a job that reports what differs from the spec. It only reads."""
    return await started(request, cluster_id, JobType.VERIFY, "Cluster verification initiated")


@get(
    "/clusters/{cluster_id:str}/plans",
    summary="List plans",
    guards=[guards.requires(Permission.CLUSTER_READ), guards.known_query],
)
async def list_plans(
    request: guards.AnyRequest, cluster_id: FromPath[str], page: PageNumber = 1, page_size: PageSize = 20
) -> Response[Page[wire.PlanLine]]:
    """What plan and verify jobs of a cluster found, newest first, without the details."""
    found, total = await plans.page(guards.principal(request), cluster_id, page=page, page_size=page_size)
    data = [
        wire.PlanLine(
            id=str(line.id),
            job_id=str(line.job_id),
            kind=line.kind,
            hash=line.hash,
            facts_hash=line.facts_hash,
            created_at=line.created_at,
            summary=line.summary,
        )
        for line in found
    ]
    return replies.page(data, total, page, page_size)


@get(
    "/jobs/{job_id:str}/plan",
    summary="Get the plan of a job",
    guards=[guards.requires(Permission.JOB_READ), guards.known_query],
)
async def get_plan(
    request: guards.AnyRequest, job_id: FromPath[str], host: FromQuery[str | None] = None
) -> wire.Plan:
    """All of what a plan or verify job found, or the part about one host."""
    found = await plans.of_job(guards.principal(request), jobs.parse_id(job_id), host=host)
    return wire.Plan(
        id=str(found.id),
        job_id=str(found.job_id),
        cluster_id=str(found.cluster_id),
        kind=found.kind,
        hash=found.hash,
        facts_hash=found.facts_hash,
        spec_hash=found.spec_hash,
        created_at=found.created_at,
        summary=found.summary,
        hosts=found.document.hosts,
    )


router = Router("/api/v1", route_handlers=[plan, verify, list_plans, get_plan], tags=["Plans"])
