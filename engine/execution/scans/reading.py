"""From the files that a scan left (`scans/HOST/`) to what the scanners found."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

import msgspec

from engine.domain.hardening import Benchmark, Finding, HostScan, Item, Outcome, Scanner
from engine.domain.statuses import OsType
from engine.execution import hardening_catalogue
from engine.execution.scans import bounds, kube_bench, lynis, xccdf
from engine.execution.scans.bounds import UnreadableReport

_MOST_META = 4 << 20
_SYSTEMS = {
    OsType.DEBIAN12: re.compile(r"DEBIAN-12$"),
    OsType.DEBIAN13: re.compile(r"DEBIAN-13$"),
    OsType.UBUNTU22: re.compile(r"UBUNTU[-_]22"),
    OsType.RHEL9: re.compile(r"(RHEL|RL|ROCKY|OL|ALMALINUX)-?9$"),  # Rocky Linux has RHEL's numbers
}


class _LeftOut(msgspec.Struct, frozen=True):
    rule: str
    reason: str


class _Meta(msgspec.Struct, frozen=True):
    """What the node said about the scan itself."""

    scanner: Scanner
    version: str = ""
    profile: str = ""
    finished_at: datetime | None = None
    unavailable: str = ""
    left_out: list[_LeftOut] = []
    evidence: dict[str, str] = {}  # what OpenSCAP saw, by the OVAL definition that does not hold


def read(directory: Path) -> list[HostScan]:
    """Every scan below `directory`, by host and scanner.

    A report that cannot be read makes its scan unavailable, with the reason; it takes nothing else with it.
    """
    metas = sorted(path for path in directory.glob("*/*.meta.json") if not path.parent.is_symlink())
    return [_scan(path) for path in metas if path.name.removesuffix(".meta.json") in set(Scanner)]


def _scan(path: Path) -> HostScan:
    host, scanner = path.parent.name, Scanner(path.name.removesuffix(".meta.json"))
    try:
        meta = _meta(path, scanner)
    except UnreadableReport as reason:
        said = f"What {scanner} said about itself cannot be read: {reason.message}."
        return HostScan(host=host, scanner=scanner, unavailable=said)
    scan = HostScan(
        host=host,
        scanner=scanner,
        version=bounds.line(meta.version, 60),
        profile=bounds.line(meta.profile, 100),
        finished_at=meta.finished_at,
        unavailable=bounds.lines(meta.unavailable),
    )
    if scan.unavailable:
        return scan
    try:
        return _READERS[scanner](scan, path.parent, meta)
    except UnreadableReport as reason:
        said = f"The report of {scanner} cannot be read: {reason.message}."
        return msgspec.structs.replace(scan, unavailable=said)


def _meta(path: Path, scanner: Scanner) -> _Meta:
    if path.is_symlink() or path.stat().st_size > _MOST_META:
        raise UnreadableReport("it is no plain file of a fit size")
    try:
        meta = msgspec.json.decode(path.read_bytes(), type=_Meta)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableReport(str(error)) from error
    if meta.scanner is not scanner:
        raise UnreadableReport(f"it is about {meta.scanner}")
    return meta


def _kube_bench(scan: HostScan, directory: Path, _meta: _Meta) -> HostScan:
    found = kube_bench.parse(bounds.content(directory / "kube-bench.json"))
    return msgspec.structs.replace(scan, findings=tuple(found))


def _openscap(scan: HostScan, directory: Path, meta: _Meta) -> HostScan:
    results = xccdf.parse(bounds.content(directory / "openscap-results.xml"))
    items = _items(hardening_catalogue.items(), _system(results.benchmark))
    found = xccdf.findings(results, items, meta.evidence)
    known = {finding.rule for finding in found}  # not every OpenSCAP leaves out what it is told to
    missing = [entry for entry in meta.left_out[: bounds.MOST_FINDINGS] if entry.rule not in known]
    left_out = [_left_out(entry, results, items) for entry in missing]
    version = f"{scan.version}, content {results.version}" if results.version else scan.version
    return msgspec.structs.replace(scan, version=version, findings=(*found, *left_out))


def _lynis(scan: HostScan, directory: Path, _meta: _Meta) -> HostScan:
    report = lynis.parse(bounds.content(directory / "lynis-report.dat"))
    return msgspec.structs.replace(scan, index=report.index, findings=report.findings)


_READERS: Mapping[Scanner, Callable[[HostScan, Path, _Meta], HostScan]] = {
    Scanner.KUBE_BENCH: _kube_bench,
    Scanner.OPENSCAP: _openscap,
    Scanner.LYNIS: _lynis,
}


def _left_out(entry: _LeftOut, results: xccdf.Results, items: Mapping[str, str]) -> Finding:
    rule = next(
        (rule for name, rule in results.rules.items() if xccdf.short(name) == entry.rule), xccdf.Rule()
    )
    name = bounds.line(entry.rule, 150)
    return Finding(
        rule=name,
        item=next((items[key] for key in (name, *rule.numbers) if key in items), ""),
        outcome=Outcome.MANUAL,
        title=bounds.line(rule.title),
        severity=bounds.line(rule.severity, 20),
        evidence=bounds.lines(f"Left out of the scan: {entry.reason}"),
    )


def _system(benchmark: str) -> OsType | None:
    return next((system for system, pattern in _SYSTEMS.items() if pattern.search(benchmark)), None)


def _items(catalogue: Mapping[str, Item], system: OsType | None) -> dict[str, str]:
    """Catalogue item by number (of this system's benchmark) and by short rule id."""
    found: dict[str, str] = {}
    for item_id, item in catalogue.items():
        if not item_id.startswith(f"{Benchmark.LINUX}-"):
            continue
        own = (
            item_id.partition("-")[2]
            if system is OsType.DEBIAN12
            else item.numbers.get(system or OsType.RHEL9)
        )
        if system is not None and own:
            found[own] = item_id
        found |= dict.fromkeys(item.rules, item_id)
    return found
