"""Hardening: a cluster's settings, the catalogue of items, and the jobs that apply, scan and rotate."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Response, Router, get, patch, post
from litestar.params import FromPath, JSONBody, QueryParameter

from api import guards, replies
from api.decoding import Body
from api.job_starts import started
from api.replies import PageNumber, PageSize, Search
from api.routes.hardening_reports import line
from api.schemas import hardening as wire
from api.schemas.common import Accepted, ExceptionBody, Page
from engine.domain.hardening import Benchmark, Disposition, HardeningException, benchmark_of, number_of
from engine.domain.permissions import Permission
from engine.domain.statuses import JobType, OsType
from engine.services import hardening, hardening_catalogue, hardening_reports
from engine.services.hardening_catalogue import Adapted, Filters, Known

_READ = [guards.requires(Permission.CLUSTER_READ), guards.known_query]


def _one_of(values: Any) -> Any:
    return QueryParameter(pattern=f"^({'|'.join(values)})$", description=", ".join(values))


_Benchmark = Annotated[str | None, _one_of(Benchmark)]
_System = Annotated[str | None, _one_of(OsType)]
_Disposition = Annotated[str | None, _one_of(Disposition)]


@get("/clusters/{cluster_id:str}/hardening", summary="Get the hardening of a cluster", guards=_READ)
async def get_hardening(request: guards.AnyRequest, cluster_id: FromPath[str]) -> wire.ClusterHardening:
    """What is switched on, every item that is not as its benchmark has it with the reason, and the last scan.

    `adapted` has what Keelyard does otherwise on the systems of this cluster, what lab nodes cannot show, and
    the cluster's own exceptions; whatever is switched on, since scans are read by it too.
    """
    return await _whole(await hardening.get(guards.principal(request), cluster_id))


@patch(
    "/clusters/{cluster_id:str}/hardening",
    summary="Change the hardening of a cluster",
    dto=Body[wire.HardeningChange],
    guards=[guards.requires(Permission.CLUSTER_SET_HARDENING)],
    opt={"action": Permission.CLUSTER_SET_HARDENING.value},
)
async def change_hardening(
    request: guards.AnyRequest, cluster_id: FromPath[str], data: JSONBody[wire.HardeningChange]
) -> Response[wire.ClusterHardening]:
    """Changes what is named and leaves the rest; `exceptions` are replaced whole. The next harden or
    provision job carries it out. 409 while a job of the cluster is active.
    """

    async def work() -> replies.Answer:
        changed = await hardening.change(cluster_id, _changes(data), guards.caller(request))
        return replies.Answer(200, await _whole(changed))

    return await replies.once(request, work)


@get("/hardening/items", summary="List items of the benchmarks", guards=_READ)
async def list_items(
    request: guards.AnyRequest,
    page: PageNumber = 1,
    page_size: PageSize = 20,
    benchmark: _Benchmark = None,
    os_type: _System = None,
    disposition: _Disposition = None,
    search: Search = None,
) -> Response[Page[wire.CatalogueItem]]:
    """What Keelyard does about each item, in the order of their numbers.

    `os_type` lists those that a system has; `search` looks for a part of the id, a number, title or reason.
    """
    filters = Filters(
        benchmark=Benchmark(benchmark) if benchmark else None,
        system=OsType(os_type) if os_type else None,
        disposition=Disposition(disposition) if disposition else None,
        search=search,
    )
    principal = guards.principal(request)
    found, total = hardening_catalogue.page(principal, filters, page=page, page_size=page_size)
    return replies.page([_item(known) for known in found], total, page, page_size)


@post(
    "/clusters/{cluster_id:str}/harden",
    status_code=202,
    summary="Harden cluster",
    guards=[guards.requires(Permission.CLUSTER_HARDEN)],
    opt={"action": Permission.CLUSTER_HARDEN.value},
)
async def harden(request: guards.AnyRequest, cluster_id: FromPath[str]) -> Response[Accepted]:
    """Queues a job that brings the nodes up to the benchmarks that are switched on, and scans them then.

    409 when the cluster is not provisioned, or no benchmark is switched on.
    """
    return await started(request, cluster_id, JobType.HARDEN, "Cluster hardening initiated")


@post(
    "/clusters/{cluster_id:str}/scan",
    status_code=202,
    summary="Scan cluster",
    guards=[guards.requires(Permission.CLUSTER_SCAN)],
    opt={"action": Permission.CLUSTER_SCAN.value},
)
async def scan(request: guards.AnyRequest, cluster_id: FromPath[str]) -> Response[Accepted]:
    """Queues a job that lets the scanners look at the nodes and keeps a report; no setting is changed.

    409 when the cluster is not provisioned.
    """
    return await started(request, cluster_id, JobType.SCAN, "Cluster scan initiated")


@post(
    "/clusters/{cluster_id:str}/rotate-encryption-key",
    status_code=202,
    summary="Rotate the encryption key of a cluster",
    guards=[guards.requires(Permission.CLUSTER_ROTATE_ENCRYPTION_KEY)],
    opt={"action": Permission.CLUSTER_ROTATE_ENCRYPTION_KEY.value},
)
async def rotate_encryption_key(request: guards.AnyRequest, cluster_id: FromPath[str]) -> Response[Accepted]:
    """Queues a job that gives the cluster a new key for what it keeps encrypted, and writes all of that anew.

    409 when the cluster is not provisioned, or has no key since CIS Kubernetes was never on.
    """
    message = "Encryption key rotation initiated"
    return await started(request, cluster_id, JobType.ROTATE_ENCRYPTION_KEY, message)


def _changes(data: wire.HardeningChange) -> dict[str, Any]:
    said = msgspec.structs.asdict(data)
    changes = {name: value for name, value in said.items() if value is not msgspec.UNSET}
    if "exceptions" in changes:
        changes["exceptions"] = tuple(
            HardeningException(id=asked.id, reason=asked.reason) for asked in changes["exceptions"]
        )
    return changes


async def _whole(found: hardening.ClusterHardening) -> wire.ClusterHardening:
    settings = found.settings
    latest = await hardening_reports.latest(found.cluster.id)
    return wire.ClusterHardening(
        cluster_id=str(found.cluster.id),
        enable_cis_k8s_benchmark=settings.enable_cis_k8s_benchmark,
        enable_cis_linux_benchmark=settings.enable_cis_linux_benchmark,
        level=settings.level,
        exceptions=[ExceptionBody(id=each.id, reason=each.reason) for each in settings.exceptions],
        default_deny_network_policies=settings.default_deny_network_policies,
        adapted=[_adapted(each) for each in found.adapted],
        latest=None if latest is None else line(latest),
    )


def _adapted(found: Adapted) -> wire.AdaptedItem:
    return wire.AdaptedItem(
        id=found.id,
        title=found.item.title,
        level=found.item.level,
        by=found.by,
        disposition=found.item.disposition,
        reason=found.reason,
    )


def _item(known: Known) -> wire.CatalogueItem:
    item = known.item
    return wire.CatalogueItem(
        id=known.id,
        benchmark=benchmark_of(known.id),
        number=number_of(known.id),
        title=item.title,
        level=item.level,
        disposition=item.disposition,
        reason=item.reason,
        lab=item.lab,
        only_on=tuple(system.value for system in item.only_on),
        numbers={system.value: number for system, number in known.numbers.items()},
        levels={system.value: level for system, level in item.levels.items()},
    )


router = Router(
    "/api/v1",
    route_handlers=[
        get_hardening,
        change_hardening,
        list_items,
        harden,
        scan,
        rotate_encryption_key,
    ],
    tags=["Hardening"],
)
