"""Scanners' findings judged: what is excepted and why, counts, scores, and what changed between two reports.

A finding that a scanner failed is excepted when there is a written reason for its item: of the cluster's
owner, of the product's catalogue for the node's system, or of the lab. Nothing else is changed about it, and
the raw score counts it as failed.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Mapping, Sequence, Set

import msgspec

from engine.domain.hardening import (
    Benchmark,
    Disposition,
    Finding,
    HostScan,
    Item,
    Outcome,
    Scanner,
    benchmark_of,
    differs_on,
    exists_on,
    level_on,
)
from engine.domain.statuses import OsType

#: Characters of one text; what a node sends has no natural end.
SHORT_TEXT, LONG_TEXT = 500, 4000

_SCANNERS = tuple(Scanner)
_WORST_FIRST = (Outcome.FAIL, Outcome.MANUAL, Outcome.EXCEPTED, Outcome.PASS, Outcome.NOT_APPLICABLE)
_DIGITS = re.compile(r"(\d+)")


class By(enum.StrEnum):
    """Whose reason excepts a finding."""

    CLUSTER = "cluster"
    PRODUCT = "product"
    LAB = "lab"


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """Results by outcome."""

    passed: int = 0
    failed: int = 0
    not_applicable: int = 0
    excepted: int = 0
    manual: int = 0

    @property
    def score(self) -> float | None:
        """Passed of passed and failed, in percent."""
        return _percent(self.passed, self.passed + self.failed)

    @property
    def raw_score(self) -> float | None:
        """The same, with what is excepted counted as failed."""
        return _percent(self.passed, self.passed + self.failed + self.excepted)


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One rule on one host, judged. `reason` and `by` tell why it is excepted."""

    host: str
    scanner: Scanner
    rule: str
    title: str
    outcome: Outcome
    item: str = ""
    severity: str = ""
    evidence: str = ""
    remediation: str = ""
    reason: str = ""
    by: By | None = None


class HostSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What one scanner said of one host; `unavailable` is why it said nothing."""

    host: str
    scanner: Scanner
    score: float | None
    raw_score: float | None
    counts: Counts
    unavailable: str = ""


class Unavailable(msgspec.Struct, frozen=True, kw_only=True):
    """A scanner that did not run on a host, and why."""

    host: str
    reason: str


class ScannerSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What one scanner said of all hosts."""

    scanner: Scanner
    version: str
    profile: str
    hosts: int
    score: float | None
    raw_score: float | None
    counts: Counts
    unavailable: tuple[Unavailable, ...] = ()


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known from one scan. `score` is the lowest of the scanners'."""

    score: float | None
    counts: Counts
    scanners: tuple[ScannerSummary, ...]
    hosts: tuple[HostSummary, ...]
    results: tuple[Result, ...]  # by host, scanner, and as the scanner has them


class Grounds(msgspec.Struct, frozen=True, kw_only=True):
    """What findings are judged by. `hosts` are the cluster's nodes with their systems, in its order.

    Of the benchmarks that are not `switched_on`, and above the level, nothing was adapted that could be
    an excuse.
    """

    hosts: Mapping[str, OsType]
    catalogue: Mapping[str, Item]
    switched_on: Set[Benchmark] = frozenset(Benchmark)
    level: int = 2
    exceptions: Mapping[str, str] = {}  # the cluster's own: item to reason
    lab: bool = False

    def excuse(self, item_id: str, host: str) -> tuple[By, str] | None:
        """The written reason for an item that fails on a host, and whose it is; None when there is none."""
        if reason := self.exceptions.get(item_id):
            return By.CLUSTER, reason
        item = self.catalogue.get(item_id)
        if item is None:
            return None
        system = self.hosts[host]
        if (
            self._is_in_force(item_id, item, system)
            and exists_on(item_id, item, system)
            and differs_on(item, system)
        ):
            return By.PRODUCT, item.reason
        if self.lab and item.lab:
            return By.LAB, item.lab
        return None

    def _is_in_force(self, item_id: str, item: Item, system: OsType) -> bool:
        if item.disposition is Disposition.ADAPTED:
            return benchmark_of(item_id) in self.switched_on and level_on(item, system) <= self.level
        return True


def judge(scans: Iterable[HostScan], grounds: Grounds) -> Judgement:
    """What scans of a cluster come to; scans of hosts that the cluster does not have are left out."""
    places = {host: place for place, host in enumerate(grounds.hosts)}
    known = {(scan.host, scan.scanner): scan for scan in scans if scan.host in places}
    ordered = sorted(known.values(), key=lambda scan: (places[scan.host], _SCANNERS.index(scan.scanner)))
    results: list[Result] = []
    hosts: list[HostSummary] = []
    for scan in ordered:
        found = [_judged(scan, finding, grounds) for finding in _each_once(scan.findings)]
        results += found
        hosts.append(_host_summary(scan, count(result.outcome for result in found)))
    summaries = tuple(
        _scanner_summary([scan for scan in ordered if scan.scanner is scanner], hosts)
        for scanner in _SCANNERS
        if any(scan.scanner is scanner for scan in ordered)
    )
    return Judgement(
        score=_lowest(summary.score for summary in summaries),
        counts=_sum(host.counts for host in hosts),
        scanners=summaries,
        hosts=tuple(hosts),
        results=tuple(results),
    )


def with_unseen(scans: Iterable[HostScan], unseen: Mapping[str, str]) -> list[HostScan]:
    """Scans, and for each scanner that looked at any host those that it left nothing of, with the reason."""
    known = list(scans)
    seen = {(scan.host, scan.scanner) for scan in known}
    return known + [
        HostScan(host=host, scanner=scanner, unavailable=reason)
        for scanner in sorted({scan.scanner for scan in known})
        for host, reason in unseen.items()
        if (host, scanner) not in seen
    ]


def count(outcomes: Iterable[Outcome]) -> Counts:
    """How many there are of each outcome."""
    found = dict.fromkeys(Outcome, 0)
    for outcome in outcomes:
        found[outcome] += 1
    return Counts(
        passed=found[Outcome.PASS],
        failed=found[Outcome.FAIL],
        not_applicable=found[Outcome.NOT_APPLICABLE],
        excepted=found[Outcome.EXCEPTED],
        manual=found[Outcome.MANUAL],
    )


class ChangeKind(enum.StrEnum):
    """What became of a result from one report to a later one, in the order in which it is told."""

    BROKEN = "broken"  # fails, and did not
    FIXED = "fixed"  # failed, and does not any more
    APPEARED = "appeared"
    GONE = "gone"
    OTHER = "other"


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """How a rule came out on a host."""

    item: str
    title: str
    outcome: Outcome


#: How rules came out, by host, scanner and rule.
Outcomes = Mapping[tuple[str, Scanner, str], Known]


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A result that is not what it was; an outcome is None where there was no such result."""

    host: str
    scanner: Scanner
    rule: str
    item: str
    title: str
    before: Outcome | None
    after: Outcome | None

    @property
    def kind(self) -> ChangeKind:
        """What became of it."""
        if self.before is None:
            return ChangeKind.APPEARED
        if self.after is None:
            return ChangeKind.GONE
        if self.after is Outcome.FAIL:
            return ChangeKind.BROKEN
        return ChangeKind.FIXED if self.before is Outcome.FAIL else ChangeKind.OTHER


def changes(before: Outcomes, after: Outcomes) -> list[Change]:
    """What is not as it was: by kind, then host, scanner and rule, with numbers in them as numbers."""
    kinds = tuple(ChangeKind)
    found = []
    for place in before.keys() | after.keys():
        old, new = before.get(place), after.get(place)
        if (known := new or old) is None or (old and new and old.outcome is new.outcome):
            continue
        host, scanner, rule = place
        found.append(
            Change(
                host=host,
                scanner=scanner,
                rule=rule,
                item=known.item,
                title=known.title,
                before=old.outcome if old else None,
                after=new.outcome if new else None,
            )
        )
    return sorted(
        found,
        key=lambda change: (
            kinds.index(change.kind),
            _natural(change.host),
            _SCANNERS.index(change.scanner),
            _natural(change.rule),
        ),
    )


def _judged(scan: HostScan, finding: Finding, grounds: Grounds) -> Result:
    outcome, reason, by = finding.outcome, "", None
    if outcome is Outcome.FAIL and finding.item:
        excuse = grounds.excuse(finding.item, scan.host)
        if excuse is not None:
            outcome, (by, reason) = Outcome.EXCEPTED, excuse
    return Result(
        host=scan.host,
        scanner=scan.scanner,
        rule=finding.rule[:SHORT_TEXT],
        title=finding.title[:SHORT_TEXT],
        outcome=outcome,
        item=finding.item[:SHORT_TEXT],
        severity=finding.severity[:SHORT_TEXT],
        evidence=finding.evidence[:LONG_TEXT],
        remediation=finding.remediation[:LONG_TEXT],
        reason=reason,
        by=by,
    )


def _each_once(findings: Iterable[Finding]) -> list[Finding]:
    """One finding for each rule, the worst: scanners may look at several instances of what it is about."""
    kept: dict[str, Finding] = {}
    for finding in findings:
        rule = finding.rule[:SHORT_TEXT]
        before = kept.get(rule)
        if before is None or _badness(finding) < _badness(before):
            kept[rule] = finding
    return list(kept.values())


def _badness(finding: Finding) -> int:
    return _WORST_FIRST.index(finding.outcome)


def _host_summary(scan: HostScan, counts: Counts) -> HostSummary:
    own = scan.scanner is Scanner.LYNIS
    return HostSummary(
        host=scan.host,
        scanner=scan.scanner,
        score=_index(scan) if own else counts.score,
        raw_score=_index(scan) if own else counts.raw_score,
        counts=counts,
        unavailable=scan.unavailable[:LONG_TEXT],
    )


def _scanner_summary(scans: Sequence[HostScan], hosts: Sequence[HostSummary]) -> ScannerSummary:
    scanner = scans[0].scanner
    mine = [host for host in hosts if host.scanner is scanner]
    counts = _sum(host.counts for host in mine)
    index = _lowest(host.score for host in mine)
    own = scanner is Scanner.LYNIS
    return ScannerSummary(
        scanner=scanner,
        version=_named(scan.version for scan in scans),
        profile=_named(scan.profile for scan in scans),
        hosts=sum(not host.unavailable for host in mine),
        score=index if own else counts.score,
        raw_score=index if own else counts.raw_score,
        counts=counts,
        unavailable=tuple(
            Unavailable(host=host.host, reason=host.unavailable) for host in mine if host.unavailable
        ),
    )


def _index(scan: HostScan) -> float | None:
    return None if scan.index is None else float(scan.index)


def _lowest(scores: Iterable[float | None]) -> float | None:
    return min((score for score in scores if score is not None), default=None)


def _named(names: Iterable[str]) -> str:
    """The names that hosts gave, each once: not every host has the same version or profile."""
    return ", ".join(sorted({name for name in names if name}))[:SHORT_TEXT]


def _sum(counts: Iterable[Counts]) -> Counts:
    every = list(counts)
    return Counts(**{name: sum(getattr(each, name) for each in every) for name in Counts.__struct_fields__})


def _percent(part: int, whole: int) -> float | None:
    """With one decimal, rounded down: only what has no failure is 100."""
    return part * 1000 // whole / 10 if whole else None


def _natural(text: str) -> tuple[tuple[bool, int, str], ...]:
    """A key that sorts 5.2.10 behind 5.2.9 and worker-10 behind worker-9."""
    parts = _DIGITS.split(text)
    return tuple(
        (place % 2 == 0, int(part[:18]) if place % 2 else 0, part) for place, part in enumerate(parts)
    )
