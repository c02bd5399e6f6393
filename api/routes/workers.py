"""Workers: who runs jobs, with what room; drained before maintenance and resumed after it."""

from __future__ import annotations

from litestar import Response, Router, delete, get, post
from litestar.params import FromPath

from api import guards, replies
from api.replies import PageNumber, PageSize
from api.schemas import workers as wire
from api.schemas.common import Page
from engine.domain.permissions import Permission
from engine.services import workers
from engine.services.workers import WorkerView

_READ = [guards.requires(Permission.WORKER_READ), guards.known_query]


@get("/", summary="List workers", guards=_READ)
async def list_workers(
    request: guards.AnyRequest, page: PageNumber = 1, page_size: PageSize = 20
) -> Response[Page[wire.Worker]]:
    """By name, with state, capacity and running jobs."""
    found, total = await workers.page(guards.principal(request), page=page, page_size=page_size)
    return replies.page(await _workers(found), total, page, page_size)


@get("/{name:str}", summary="Get worker details", guards=_READ)
async def get_worker(request: guards.AnyRequest, name: FromPath[str]) -> wire.Worker:
    """One worker."""
    return (await _workers([await workers.get(guards.principal(request), name)]))[0]


@post(
    "/{name:str}/drain",
    status_code=200,
    summary="Drain a worker",
    guards=[guards.requires(Permission.WORKER_DRAIN)],
    opt={"action": Permission.WORKER_DRAIN.value},
)
async def drain(request: guards.AnyRequest, name: FromPath[str]) -> Response[wire.Worker]:
    """Lets a worker start nothing more; what it runs goes on. It stays so over restarts, until resumed."""

    async def work() -> replies.Answer:
        return replies.Answer(200, (await _workers([await workers.drain(name, guards.caller(request))]))[0])

    return await replies.once(request, work)


@post(
    "/{name:str}/resume",
    status_code=200,
    summary="Resume a worker",
    guards=[guards.requires(Permission.WORKER_RESUME)],
    opt={"action": Permission.WORKER_RESUME.value},
)
async def resume(request: guards.AnyRequest, name: FromPath[str]) -> Response[wire.Worker]:
    """Lets a drained worker take jobs again."""

    async def work() -> replies.Answer:
        return replies.Answer(200, (await _workers([await workers.resume(name, guards.caller(request))]))[0])

    return await replies.once(request, work)


@delete(
    "/{name:str}",
    status_code=204,
    summary="Remove a worker that is gone",
    guards=[guards.requires(Permission.WORKER_DELETE)],
    opt={"action": Permission.WORKER_DELETE.value},
)
async def remove(request: guards.AnyRequest, name: FromPath[str]) -> None:
    """Forgets a lost or stopped worker without running jobs; 409 for any other."""
    await workers.remove(name, guards.caller(request))


async def _workers(found: list[WorkerView]) -> list[wire.Worker]:
    visible = await workers.visible_jobs(found)
    return [wire.Worker(**workers.shown(worker, visible)) for worker in found]


router = Router(
    "/api/v1/workers", route_handlers=[list_workers, get_worker, drain, resume, remove], tags=["Workers"]
)
