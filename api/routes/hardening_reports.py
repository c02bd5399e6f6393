"""Hardening reports: listed, read, filtered, compared and exported."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Response, Router, get
from litestar.params import FromPath, FromQuery, QueryParameter
from litestar.response import Stream

from api import guards, replies
from api.replies import PageNumber, PageSize, Search
from api.schemas import hardening as wire
from api.schemas.common import Page
from engine.domain import hardening_report as domain
from engine.domain.hardening import Outcome, Scanner
from engine.domain.permissions import Permission
from engine.services import hardening_exports, hardening_reports
from engine.services.hardening_exports import Format
from engine.services.hardening_reports import ReportLine

_READ = [guards.requires(Permission.CLUSTER_READ), guards.known_query]
_ResultsSize = Annotated[int, QueryParameter(ge=1, le=1000, description="Results per page")]
_Wanted = Annotated[Format, QueryParameter(name="format", description="What the file is written as")]
_Against = Annotated[
    str | None, QueryParameter(description="An earlier report of the cluster; default: the one before")
]


@get("/clusters/{cluster_id:str}/hardening/reports", summary="List hardening reports", guards=_READ)
async def list_reports(
    request: guards.AnyRequest, cluster_id: FromPath[str], page: PageNumber = 1, page_size: PageSize = 20
) -> Response[Page[wire.ReportLine]]:
    """What scans of a cluster came to, newest first: the score over time."""
    found, total = await hardening_reports.page(
        guards.principal(request), cluster_id, page=page, page_size=page_size
    )
    return replies.page([line(each) for each in found], total, page, page_size)


@get("/hardening/reports/{report_id:str}", summary="Get a hardening report", guards=_READ)
async def get_report(request: guards.AnyRequest, report_id: FromPath[str]) -> wire.Report:
    """A scan with its nodes; what it found on them is in its results."""
    found = await hardening_reports.get(guards.principal(request), hardening_reports.parse_id(report_id))
    return wire.Report(
        **_members(found.report),
        hosts=[_host(host) for host in found.report.hosts],
        artifacts=found.artifacts,
    )


@get("/hardening/reports/{report_id:str}/results", summary="Results of a hardening report", guards=_READ)
async def list_results(
    request: guards.AnyRequest,
    report_id: FromPath[str],
    page: PageNumber = 1,
    page_size: _ResultsSize = 100,
    host: FromQuery[str | None] = None,
    scanner: FromQuery[Scanner | None] = None,
    outcome: FromQuery[Outcome | None] = None,
    search: Search = None,
) -> Response[Page[wire.Result]]:
    """One line for each rule on each node, by node and scanner. `search` looks in titles, rules, items and
    nodes. Only the newest reports of a cluster keep their results.
    """
    found, total = await hardening_reports.results(
        guards.principal(request),
        hardening_reports.parse_id(report_id),
        hardening_reports.Filters(host=host, scanner=scanner, outcome=outcome, search=search),
        page=page,
        page_size=page_size,
    )
    return replies.page([_result(each) for each in found], total, page, page_size)


@get("/hardening/reports/{report_id:str}/diff", summary="Compare two hardening reports", guards=_READ)
async def get_diff(
    request: guards.AnyRequest, report_id: FromPath[str], against: _Against = None
) -> wire.Diff:
    """What is not as it was in an earlier report: what broke first, then what was fixed, what appeared, what
    is gone, and the rest.
    """
    found = await hardening_reports.difference(
        guards.principal(request),
        hardening_reports.parse_id(report_id),
        None if against is None else hardening_reports.parse_id(against),
    )
    return wire.Diff(
        before=wire.ReportLine(**_members(found.before)),
        after=wire.ReportLine(**_members(found.after)),
        lines=[_change(change) for change in found.changes],
    )


@get(
    "/hardening/reports/{report_id:str}/export",
    summary="Export a hardening report",
    guards=_READ,
    opt={"action": hardening_exports.ACTION, "files": tuple(hardening_exports.MEDIA_TYPES.values())},
)
async def export(
    request: guards.AnyRequest, report_id: FromPath[str], wanted: _Wanted = Format.JSON
) -> Stream:
    """The report as a file: everything as JSON, a page to read and print, or SARIF 2.1.0. Every export is
    written to the audit log. The scanners' own reports are artifacts of the job.
    """
    found = await hardening_reports.get(guards.principal(request), hardening_reports.parse_id(report_id))
    file = await hardening_exports.export(guards.caller(request), found.report, wanted)
    headers = {"Content-Disposition": f'attachment; filename="{file.name}"'}
    if wanted is Format.HTML:
        headers["Content-Security-Policy"] = (
            f"{hardening_exports.PAGE_POLICY}; frame-ancestors 'none'; sandbox"
        )
    return Stream(file.pieces, media_type=file.media_type, headers=headers)


def line(report: ReportLine) -> wire.ReportLine:
    """A report in a list, and where a cluster shows its latest."""
    return wire.ReportLine(**_members(report))


def _members(report: ReportLine | hardening_reports.HardeningReport) -> dict[str, Any]:
    return {
        "id": str(report.id),
        "cluster_id": str(report.cluster_id),
        "job_id": str(report.job_id),
        "job_type": report.job_type,
        "created_at": report.created_at,
        "score": report.score,
        "counts": _counts(report.counts),
        "scanners": [_scanner(scanner) for scanner in report.scanners],
        "kept": report.kept,
    }


def _counts(counts: domain.Counts) -> wire.Counts:
    return wire.Counts(
        passed=counts.passed,
        failed=counts.failed,
        not_applicable=counts.not_applicable,
        excepted=counts.excepted,
        manual=counts.manual,
    )


def _scanner(summary: domain.ScannerSummary) -> wire.ScannerSummary:
    return wire.ScannerSummary(
        scanner=summary.scanner.value,
        version=summary.version,
        profile=summary.profile,
        hosts=summary.hosts,
        score=summary.score,
        raw_score=summary.raw_score,
        counts=_counts(summary.counts),
        unavailable=[wire.Unavailable(host=each.host, reason=each.reason) for each in summary.unavailable],
    )


def _host(summary: domain.HostSummary) -> wire.ReportHost:
    return wire.ReportHost(
        host=summary.host,
        scanner=summary.scanner.value,
        score=summary.score,
        raw_score=summary.raw_score,
        counts=_counts(summary.counts),
        unavailable=summary.unavailable,
    )


def _result(result: domain.Result) -> wire.Result:
    return wire.Result(
        host=result.host,
        scanner=result.scanner.value,
        rule=result.rule,
        item=result.item,
        title=result.title,
        outcome=result.outcome.value,
        severity=result.severity,
        evidence=result.evidence,
        remediation=result.remediation,
        reason=result.reason,
        by=result.by.value if result.by else "",
    )


def _change(change: domain.Change) -> wire.DiffLine:
    return wire.DiffLine(
        host=change.host,
        scanner=change.scanner.value,
        rule=change.rule,
        item=change.item,
        title=change.title,
        before=change.before.value if change.before else None,
        after=change.after.value if change.after else None,
        kind=change.kind.value,
    )


router = Router(
    "/api/v1", route_handlers=[list_reports, get_report, list_results, get_diff, export], tags=["Hardening"]
)
