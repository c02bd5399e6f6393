"""Rows of hardening reports, and of their results: what hosts share about a rule is in a table of its own."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import batched

import msgspec

from engine.domain.hardening import Outcome, Scanner
from engine.domain.hardening_report import Change, Counts, Result, ScannerSummary
from engine.store import database, hardening_records, rows

BATCH = 5000  # results in one statement

_LINE = "id, cluster_id, job_id, job_type, score, counts, scanners, kept, created_at"
_NEWEST = "ORDER BY created_at DESC, id DESC"
_RESULTS = """
    FROM hardening_result AS result JOIN hardening_rule AS rule
    ON rule.report_id = result.report_id AND rule.number = result.number"""
_RESULT = """
    result.host, rule.scanner, rule.rule, rule.title, result.outcome, rule.item, rule.severity,
    result.evidence, rule.remediation, rule.reason, rule.excepted_by AS by"""
_FOUND = """(strpos(lower(rule.title), {0}) > 0 OR strpos(lower(rule.rule), {0}) > 0
    OR strpos(lower(rule.item), {0}) > 0 OR strpos(lower(result.host), {0}) > 0)"""


class ReportLine(msgspec.Struct, frozen=True, kw_only=True):
    """A report without its hosts."""

    id: uuid.UUID
    cluster_id: uuid.UUID
    job_id: uuid.UUID
    job_type: str
    score: float | None
    counts: Counts
    scanners: tuple[ScannerSummary, ...]
    kept: bool
    created_at: datetime


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """Which results to list; None means any."""

    host: str | None = None
    scanner: Scanner | None = None
    outcome: Outcome | None = None
    search: str | None = None  # part of a title, rule, item or host


async def add(report: hardening_records.HardeningReport, results: Sequence[Result]) -> None:
    """Write a report with its results; call it in a transaction.

    COPY would be faster still, but does not go with policies.
    """
    await rows.insert("hardening_report", report)
    numbers = await _add_rules(report.id, results)
    sql = """
        INSERT INTO hardening_result (report_id, position, number, host, outcome, evidence)
        SELECT $1, given.* FROM unnest($2::integer[], $3::integer[], $4::text[], $5::text[], $6::text[])
            AS given (position, number, host, outcome, evidence)"""
    for batch in batched(enumerate(results), BATCH):
        await database.fetch(
            sql,
            report.id,
            [position for position, _ in batch],
            [numbers[_shared(result)] for _, result in batch],
            [rows.storable(result.host) for _, result in batch],
            [result.outcome.value for _, result in batch],
            [rows.storable(result.evidence) for _, result in batch],
        )


_SHARED = ("scanner", "rule", "item", "title", "severity", "remediation", "reason", "by")


def _shared(result: Result) -> tuple[str | None, ...]:
    """What hosts have in common about a rule."""
    return tuple(getattr(result, name) for name in _SHARED)


async def _add_rules(report_id: uuid.UUID, results: Iterable[Result]) -> dict[tuple[str | None, ...], int]:
    numbers: dict[tuple[str | None, ...], int] = {}
    for result in results:
        numbers.setdefault(_shared(result), len(numbers))
    given = ", ".join(f"${place}::text[]" for place in range(3, 3 + len(_SHARED)))
    sql = f"""
        INSERT INTO hardening_rule (report_id, number, scanner, rule, item, title, severity, remediation,
            reason, excepted_by)
        SELECT $1, given.* FROM unnest($2::integer[], {given}) AS given"""
    for batch in batched(numbers.items(), BATCH):
        columns = [[rows.storable(shared[place]) for shared, _ in batch] for place in range(len(_SHARED))]
        await database.fetch(sql, report_id, [number for _, number in batch], *columns)
    return numbers


async def drop_old(cluster_id: uuid.UUID, keep: int) -> None:
    """Of a cluster's reports beyond the newest `keep` drop the results, and their jobs' artifacts."""
    sql = f"""
        UPDATE hardening_report SET kept = false WHERE kept AND id IN (
            SELECT id FROM hardening_report WHERE cluster_id = $1 {_NEWEST} OFFSET $2)
        RETURNING id, job_id"""
    old = await database.fetch(sql, cluster_id, keep)
    if old:
        reports = [row["id"] for row in old]
        for table in ("hardening_result", "hardening_rule"):
            await database.fetch(f"DELETE FROM {table} WHERE report_id = ANY($1::uuid[])", reports)
        jobs = [row["job_id"] for row in old]
        await database.fetch("DELETE FROM job_artifact WHERE job_id = ANY($1::uuid[])", jobs)


async def forget(cluster_id: uuid.UUID) -> None:
    """Drop all reports of a cluster, and the artifacts of all its jobs."""
    await database.fetch("DELETE FROM hardening_report WHERE cluster_id = $1", cluster_id)
    sql = "DELETE FROM job_artifact USING job WHERE job.id = job_artifact.job_id AND job.cluster_id = $1"
    await database.fetch(sql, cluster_id)


async def get(report_id: uuid.UUID) -> hardening_records.HardeningReport | None:
    """The report with this id."""
    sql = "SELECT * FROM hardening_report WHERE id = $1"
    return await rows.one(hardening_records.HardeningReport, sql, report_id)


async def id_of_job(job_id: uuid.UUID) -> uuid.UUID | None:
    """The report that a job made."""
    row = await database.fetch_one("SELECT id FROM hardening_report WHERE job_id = $1", job_id)
    return None if row is None else row["id"]


async def failing(job_id: uuid.UUID) -> dict[str, int] | None:
    """How many results a job's scanners failed without a reason, by scanner; None when none has scored any.

    Lynis does not count: what it suggests beyond the benchmarks has no end.
    """
    report_id = await id_of_job(job_id)
    report = None if report_id is None else await get(report_id)
    scored = [summary for summary in report.scanners if summary.score is not None] if report else []
    failed = {each.scanner.value: each.counts.failed for each in scored if each.scanner is not Scanner.LYNIS}
    return failed or None


async def page(cluster_id: uuid.UUID, *, offset: int, limit: int) -> tuple[list[ReportLine], int]:
    """A cluster's reports, newest first, and how many in all."""
    chosen = "FROM hardening_report WHERE cluster_id = $1"
    counted = await database.fetch_one(f"SELECT count(*) AS n {chosen}", cluster_id)
    assert counted is not None
    sql = f"SELECT {_LINE} {chosen} {_NEWEST} OFFSET $2 LIMIT $3"
    return await rows.many(ReportLine, sql, cluster_id, offset, limit), counted["n"]


async def before(report: hardening_records.HardeningReport) -> hardening_records.HardeningReport | None:
    """The report of the same cluster before this one."""
    sql = f"""
        SELECT * FROM hardening_report WHERE cluster_id = $1 AND (created_at, id) < ($2, $3)
        {_NEWEST} LIMIT 1"""
    arguments = (report.cluster_id, report.created_at, report.id)
    return await rows.one(hardening_records.HardeningReport, sql, *arguments)


async def results(
    report_id: uuid.UUID, filters: Filters, *, offset: int, limit: int
) -> tuple[list[Result], int]:
    """Results in the order of the report, and how many fit the filters."""
    chosen = rows.Filter()
    chosen.add("result.report_id = {}", report_id)
    chosen.add("result.host = {}", filters.host and rows.storable(filters.host))
    chosen.add("rule.scanner = {}", filters.scanner and filters.scanner.value)
    chosen.add("result.outcome = {}", filters.outcome and filters.outcome.value)
    chosen.add(_FOUND, rows.needle(filters.search))
    counted = await database.fetch_one(f"SELECT count(*) AS n {_RESULTS}{chosen.where}", *chosen.values)
    assert counted is not None
    place = len(chosen.values)
    sql = f"""
        SELECT {_RESULT} {_RESULTS}{chosen.where}
        ORDER BY result.position OFFSET ${place + 1} LIMIT ${place + 2}"""
    return await rows.many(Result, sql, *chosen.values, offset, limit), counted["n"]


async def results_from(
    report_id: uuid.UUID, position: int, *, outcomes: Sequence[Outcome] | None = None, limit: int = BATCH
) -> tuple[list[Result], int | None]:
    """Results of a report from a position on, and the position to go on from: None at the end."""
    wanted = None if outcomes is None else [outcome.value for outcome in outcomes]
    sql = f"""
        SELECT result.position, {_RESULT} {_RESULTS}
        WHERE result.report_id = $1 AND result.position >= $2
        AND ($3::text[] IS NULL OR result.outcome = ANY($3)) ORDER BY result.position LIMIT $4"""
    found = await database.fetch(sql, report_id, position, wanted, limit)
    more = found[-1]["position"] + 1 if len(found) == limit else None
    return [msgspec.convert(row, Result) for row in found], more


async def changes(earlier: uuid.UUID, later: uuid.UUID) -> list[Change]:
    """What is not the same in two reports, in no order."""
    lines = f"SELECT result.host, rule.scanner, rule.rule, rule.item, rule.title, result.outcome {_RESULTS}"
    sql = f"""
        SELECT host, scanner, rule, coalesce(a.item, b.item) AS item, coalesce(a.title, b.title) AS title,
            b.outcome AS before, a.outcome AS after
        FROM ({lines} WHERE result.report_id = $1) AS b
        FULL JOIN ({lines} WHERE result.report_id = $2) AS a USING (host, scanner, rule)
        WHERE a.outcome IS DISTINCT FROM b.outcome"""
    return await rows.many(Change, sql, earlier, later)
