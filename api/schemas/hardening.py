"""Bodies of the hardening routes."""

from __future__ import annotations

from datetime import datetime

import msgspec

from api.schemas.common import ExceptionBody, Reply, Request

__all__ = [
    "AdaptedItem", "CatalogueItem", "ClusterHardening", "Counts", "Diff", "DiffLine", "ExceptionBody",
    "HardeningChange", "Report", "ReportHost", "ReportLine", "Result", "ScannerSummary", "Unavailable",
]  # fmt: skip


class HardeningChange(Request):
    """What to change of a cluster's hardening; what is left out stays. It takes hold with the next
    harden job.
    """

    enable_cis_k8s_benchmark: bool | msgspec.UnsetType = msgspec.UNSET
    enable_cis_linux_benchmark: bool | msgspec.UnsetType = msgspec.UNSET
    level: int | msgspec.UnsetType = msgspec.UNSET
    exceptions: list[ExceptionBody] | msgspec.UnsetType = msgspec.UNSET
    default_deny_network_policies: bool | msgspec.UnsetType = msgspec.UNSET


class CatalogueItem(Reply):
    """What Keelyard does about one item. `disposition`: applied, adapted, reported or omitted; where
    `only_on` names os_types, it is applied on the others. `numbers` by os_type, and `levels` where a
    system's benchmark has another one.
    """

    id: str
    benchmark: str
    number: str
    title: str
    level: int
    disposition: str
    reason: str
    lab: str
    numbers: dict[str, str]
    only_on: tuple[str, ...] = ()
    levels: dict[str, int] = msgspec.field(default_factory=dict)


class AdaptedItem(Reply):
    """An item that is not as the benchmark has it on this cluster. `by`: product, lab or cluster."""

    id: str
    title: str
    level: int
    by: str
    disposition: str
    reason: str


class Counts(Reply):
    """Results by outcome."""

    passed: int
    failed: int
    not_applicable: int
    excepted: int
    manual: int


class Unavailable(Reply):
    """A scanner that did not run on a host, and why."""

    host: str
    reason: str


class ScannerSummary(Reply):
    """What one scanner said of all nodes. `score`: passed of passed and failed, in percent; `raw_score`
    counts what is excepted as failed; for Lynis both are the lowest of its own indices. None when
    nothing was scored.
    """

    scanner: str
    version: str
    profile: str
    hosts: int
    score: float | None
    raw_score: float | None
    counts: Counts
    unavailable: list[Unavailable]


class ReportLine(Reply):
    """A scan in a list. `score` is the lowest of the scanners'. Only the newest reports of a cluster are
    `kept` with their results and raw reports; of the others there is this summary.
    """

    id: str
    cluster_id: str
    job_id: str
    job_type: str
    created_at: datetime
    score: float | None
    counts: Counts
    scanners: list[ScannerSummary]
    kept: bool = True


class ReportHost(Reply):
    """What one scanner said of one node."""

    host: str
    scanner: str
    score: float | None
    raw_score: float | None
    counts: Counts
    unavailable: str


class Report(ReportLine, kw_only=True):
    """A scan with its nodes. `artifacts` are names under `/jobs/{job_id}/artifacts/`: the scanners' raw
    reports.
    """

    hosts: list[ReportHost]
    artifacts: list[str]


class Result(Reply):
    """One item on one node. `outcome`: pass, fail, not_applicable, excepted or manual; `reason` is why
    it is excepted, `by` whose reason that is: the cluster's, the product's or the lab's; empty if it is not.
    """

    host: str
    scanner: str
    rule: str
    item: str
    title: str
    outcome: str
    severity: str
    evidence: str
    remediation: str
    reason: str
    by: str = ""


class DiffLine(Reply):
    """One result that is not what it was; an outcome is None where there was no such result. `kind`: broken
    (fails, and did not), fixed, appeared, gone or other.
    """

    host: str
    scanner: str
    rule: str
    item: str
    title: str
    before: str | None
    after: str | None
    kind: str = ""


class Diff(Reply):
    """What changed from one scan to a later one."""

    before: ReportLine
    after: ReportLine
    lines: list[DiffLine]


class ClusterHardening(Reply):
    """What a cluster's hardening is set to, what is not as the benchmarks have it and why, and the last
    scan.
    """

    cluster_id: str
    enable_cis_k8s_benchmark: bool
    enable_cis_linux_benchmark: bool
    level: int
    exceptions: list[ExceptionBody]
    default_deny_network_policies: bool
    adapted: list[AdaptedItem]
    latest: ReportLine | None
