"""The nouns of hardening, and the files that jobs leave."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from tui import hardening_words, text, wire
from tui.command_line.resource import Resource
from tui.command_line.table import Column, Thing, at, since

_CLUSTER = "/api/v1/clusters/{cluster_id}/hardening"
_REPORT = "/api/v1/hardening/reports/{report_id}"
_NEWS = frozenset({"jobs"})


def _score(name: str) -> Any:
    return lambda thing: hardening_words.score(thing.get(name))


def _unavailable(thing: Thing) -> str:
    return "; ".join(
        f"{each['scanner']} on {away['host']}: {away['reason']}"
        for each in thing.get("scanners") or ()
        for away in each["unavailable"]
    )


def _item(thing: Thing) -> object:
    return thing.get("item") or thing.get("rule")


def settings(thing: Any) -> str:
    """A cluster's hardening as lines for people."""
    told = msgspec.convert(thing, wire.ClusterHardening)
    return "\n".join(text.clean(line).rstrip() for line in _settings(told))


def _settings(told: wire.ClusterHardening) -> Iterator[str]:
    yield from hardening_words.settings(told).plain.splitlines()
    if told.exceptions:
        yield " EXCEPTIONS OF THIS CLUSTER"
        yield from (f"  {each.id}: {text.one_line(each.reason)}" for each in told.exceptions)
    others = [each for each in told.adapted if each.by != "cluster"]
    if others:
        yield " NOT AS THE BENCHMARK HAS IT"
        yield from (f"  {each.id} {each.disposition}: {text.one_line(each.reason)}" for each in others)
    if told.latest is None:
        yield " NOT SCANNED YET"
    else:
        score = hardening_words.score(told.latest.score)
        yield f" LAST SCAN {hardening_words.at(told.latest)}, score {score}"
        yield from hardening_words.scanners(told.latest).plain.splitlines()


def difference(thing: Any) -> str:
    """What changed between two scans as lines for people."""
    told = msgspec.convert(thing, wire.HardeningDiff)
    before, after = told.before, told.after
    lines = [
        f"{hardening_words.at(before)} score {hardening_words.score(before.score)}",
        f"{hardening_words.at(after)} score {hardening_words.score(after.score)} "
        f"{hardening_words.change(before.score, after.score)}".rstrip(),
    ]
    lines += [
        f"{hardening_words.became(each).plain}  {each.host}  {each.scanner}  {each.item or each.rule}  "
        f"{each.before or '-'} → {each.after or '-'}  {each.title}"
        for each in told.lines
    ]
    return "\n".join(text.one_line(line) for line in lines)


def whole_report(thing: Any) -> str:
    """One scan as lines for people."""
    told = msgspec.convert(thing, wire.Report)
    head = f"{hardening_words.at(told)} {told.job_type}, score {hardening_words.score(told.score)}"
    return "\n".join((text.one_line(head), text.clean(hardening_words.scanners(told).plain).rstrip()))


_REPORTS = (
    Column("ID", at("id")),
    Column("JOB", at("job_type")),
    Column("MADE", since("created_at")),
    Column("SCORE", _score("score")),
    Column("PASS", at("counts", "passed")),
    Column("FAIL", at("counts", "failed")),
    Column("EXCEPTED", at("counts", "excepted")),
    Column("MANUAL", at("counts", "manual")),
    Column("N/A", at("counts", "not_applicable")),
    Column("DID NOT RUN", _unavailable),
    Column("JOB ID", at("job_id"), wide=True),
)
_RESULTS = (
    Column("OUTCOME", at("outcome"), is_state=True),
    Column("HOST", at("host")),
    Column("SCANNER", at("scanner")),
    Column("ITEM", _item),
    Column("TITLE", at("title")),
    Column("SEVERITY", at("severity"), wide=True),
    Column("RULE", at("rule"), wide=True),
    Column("REASON", at("reason"), wide=True),
    Column("EVIDENCE", at("evidence"), wide=True),
    Column("REMEDY", at("remediation"), wide=True),
)
_ITEMS = (
    Column("ITEM", at("id")),
    Column("LEVEL", at("level")),
    Column("KEELYARD", at("disposition")),
    Column("TITLE", at("title")),
    Column("REASON", at("reason"), wide=True),
    Column("ONLY ON", lambda item: " ".join(item.get("only_on", ())), wide=True),
    Column("IN A LAB", at("lab"), wide=True),
)
_ARTIFACTS = (
    Column("NAME", at("name")),
    Column("BYTES", at("size")),
    Column("TYPE", at("media_type")),
    Column("MADE", since("created_at")),
    Column("SHA-256", at("sha256"), wide=True),
)

RESOURCES: tuple[Resource, ...] = (
    Resource(
        name="hardening",
        singular="hardening",
        what="a cluster's switches, exceptions and last scan",
        one=f"GET {_CLUSTER}",
        parent="clusters",
        as_text=settings,
        called="cluster_id",
        is_paged=False,
        news=_NEWS,
    ),
    Resource(
        name="hardening-reports",
        singular="report",
        what="the scans of a cluster, newest first",
        list=f"GET {_CLUSTER}/reports",
        parent="clusters",
        columns=_REPORTS,
        called="id",
        news=_NEWS,
    ),
    Resource(
        name="hardening-report",
        singular="hardening-report",
        what="one scan, scanner by scanner; a cluster's name stands for its newest",
        one=f"GET {_REPORT}",
        parent="hardening-reports",
        as_text=whole_report,
        called="id",
        is_paged=False,
    ),
    Resource(
        name="hardening-results",
        singular="hardening-result",
        what="what the scanners said of each item on each node",
        list=f"GET {_REPORT}/results",
        parent="hardening-reports",
        columns=_RESULTS,
        called="rule",
    ),
    Resource(
        name="hardening-diff",
        singular="hardening-diff",
        what="what changed since the scan before, or --filter against=REPORT",
        one=f"GET {_REPORT}/diff",
        parent="hardening-reports",
        as_text=difference,
        is_paged=False,
    ),
    Resource(
        name="hardening-items",
        singular="hardening-item",
        what="benchmark items, what is done about each and why",
        list="GET /api/v1/hardening/items",
        columns=_ITEMS,
        called="id",
    ),
    Resource(
        name="artifacts",
        singular="artifact",
        what="files that a job left: raw reports of scanners",
        list="GET /api/v1/jobs/{job_id}/artifacts",
        parent="jobs",
        columns=_ARTIFACTS,
        is_paged=False,
    ),
)
