"""Rows of hardening reports, and of their results: what hosts share about a rule is in a table of its own."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import batched
from typing import Any

import msgspec

from engine.domain.hardening import Outcome, Scanner
from engine.domain.hardening_report import Counts, Known, Outcomes, Result, ScannerSummary
from engine.store import database, hardening_records, rows

BATCH = 5000  # results in one statement

_LINE = "id, cluster_id, job_id, job_type, score, counts, scanners, kept, created_at"
_NEWEST = "ORDER BY created_at DESC, id DESC"
# Rules that fit are found first and once: fresh reports have no statistics, and the server would else look
# through all rules for each result.
_RULES = "result.number = ANY (ARRAY(SELECT number FROM hardening_rule WHERE report_id = $1 AND {}))"
_SCANNER = _RULES.format("scanner = {}")
_WORDS = "strpos(lower(title), {0}) > 0 OR strpos(lower(rule), {0}) > 0 OR strpos(lower(item), {0}) > 0"
_FOUND = f"({_RULES.format(f'({_WORDS})')} OR strpos(lower(result.host), {{0}}) > 0)"


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
    chosen.add("result.outcome = {}", filters.outcome and filters.outcome.value)
    chosen.add(_SCANNER, filters.scanner and filters.scanner.value)
    chosen.add(_FOUND, rows.needle(filters.search))
    of = f"FROM hardening_result AS result{chosen.where}"
    counted = await database.fetch_one(f"SELECT count(*) AS n {of}", *chosen.values)
    assert counted is not None
    place = len(chosen.values)
    sql = f"""
        SELECT result.number, host, outcome, evidence {of}
        ORDER BY position OFFSET ${place + 1} LIMIT ${place + 2}"""
    found = await database.fetch(sql, *chosen.values, offset, limit)
    rules = await _rules(report_id, {row["number"] for row in found})
    return [_result(row, rules) for row in found], counted["n"]


async def every_result(
    report_id: uuid.UUID, outcomes: Sequence[Outcome] | None = None
) -> AsyncIterator[list[Result]]:
    """All results of a report, or those with these outcomes, in its order and in batches."""
    rules = await _rules(report_id)
    wanted = None if outcomes is None else [outcome.value for outcome in outcomes]
    sql = """
        SELECT position, number, host, outcome, evidence FROM hardening_result
        WHERE report_id = $1 AND position > $2 AND ($3::text[] IS NULL OR outcome = ANY($3))
        ORDER BY position LIMIT $4"""
    last = -1
    while found := await database.fetch(sql, report_id, last, wanted, BATCH):
        yield [_result(row, rules) for row in found]
        last = found[-1]["position"]


async def outcomes(report_id: uuid.UUID) -> Outcomes:
    """All outcomes of a report without what they rest on."""
    rules = await _rules(report_id)
    sql = """
        SELECT number, array_agg(host) AS hosts, array_agg(outcome) AS outcomes
        FROM hardening_result WHERE report_id = $1 GROUP BY number"""
    found: dict[tuple[str, Scanner, str], Known] = {}
    for row in await database.fetch(sql, report_id):
        rule = rules[row["number"]]
        for host, outcome in zip(row["hosts"], row["outcomes"], strict=True):
            found[host, Scanner(rule["scanner"]), rule["rule"]] = Known(
                item=rule["item"], title=rule["title"], outcome=Outcome(outcome)
            )
    return found


async def _rules(report_id: uuid.UUID, numbers: Collection[int] | None = None) -> dict[int, dict[str, Any]]:
    """What hosts share, by number: of all rules of a report or of these."""
    sql = """
        SELECT number, scanner, rule, item, title, severity, remediation, reason, excepted_by AS by
        FROM hardening_rule WHERE report_id = $1 AND ($2::integer[] IS NULL OR number = ANY($2))"""
    found = await database.fetch(sql, report_id, None if numbers is None else list(numbers))
    return {row.pop("number"): row for row in found}


def _result(row: dict[str, Any], rules: Mapping[int, dict[str, Any]]) -> Result:
    own = {name: row[name] for name in ("host", "outcome", "evidence")}
    return msgspec.convert(own | rules[row["number"]], Result)
