"""What scanners left becomes findings; what is damaged or hostile becomes a scan that says so."""

from __future__ import annotations

import datetime
import json
from pathlib import Path

import pytest

from engine.domain.hardening import Finding, HostScan, Item, Outcome, Scanner
from engine.domain.statuses import OsType
from engine.execution import hardening_catalogue
from engine.execution.scans import bounds, read
from tests.unit.execution.scans.samples import ARF, KUBE_BENCH, LYNIS, XCCDF, all_of, leave

ITEMS = {
    "linux-5.1.20": Item(title="Root does not log in", numbers={OsType.RHEL9: "5.1.22"}),
    "linux-6.3.1": Item(title="AIDE"),
    "linux-7.1.12": Item(title="Files have owners"),
    "linux-1.5.1": Item(title="By rule", rules=("kernel_unknown",)),
    "kubernetes-1.1.12": Item(title="etcd"),
}


@pytest.fixture(autouse=True)
def _catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardening_catalogue, "items", lambda: ITEMS)


def scan_of(scans: list[HostScan], scanner: Scanner) -> HostScan:
    return next(scan for scan in scans if scan.scanner is scanner)


def by_rule(scan: HostScan) -> dict[str, Finding]:
    return {finding.rule: finding for finding in scan.findings}


def test_every_scanner_of_every_host_is_read(tmp_path: Path) -> None:
    leave(all_of(tmp_path), "lynis", LYNIS, host="n-2")

    scans = read(tmp_path)

    assert [(scan.host, scan.scanner.value) for scan in scans] == [
        ("n-1", "kube-bench"),
        ("n-1", "lynis"),
        ("n-1", "openscap"),
        ("n-2", "lynis"),
    ]
    assert scans[0].finished_at == datetime.datetime(2026, 11, 22, 13, 52, 1, tzinfo=datetime.UTC)
    assert [scan.unavailable for scan in scans] == [""] * 4


def test_kube_bench_tells_checks_with_what_it_found(tmp_path: Path) -> None:
    found = by_rule(scan_of(read(all_of(tmp_path)), Scanner.KUBE_BENCH))

    assert {rule: finding.outcome for rule, finding in found.items()} == {
        "1.1.12": Outcome.FAIL,
        "1.2.1": Outcome.MANUAL,
        "4.2.1": Outcome.PASS,
    }
    assert found["1.1.12"].item == "kubernetes-1.1.12"
    assert found["1.1.12"].evidence == "found: root:root\nexpected: 'etcd:etcd' is present"
    assert found["1.1.12"].remediation == "chown etcd:etcd /var/lib/etcd"


@pytest.mark.parametrize("report", [XCCDF, ARF], ids=["xccdf", "arf"])
def test_openscap_tells_the_rules_of_its_profile_and_their_items(tmp_path: Path, report: str) -> None:
    left_out = [{"rule": "file_permissions_ungroupowned", "reason": "walks the disks"}]
    scan = scan_of(read(leave(tmp_path, "openscap", report, left_out=left_out)), Scanner.OPENSCAP)
    found = by_rule(scan)

    assert {rule: (finding.outcome, finding.item) for rule, finding in found.items()} == {
        "sshd_disable_root_login": (Outcome.FAIL, "linux-5.1.20"),
        "package_aide_installed": (Outcome.PASS, "linux-6.3.1"),
        "package_xorg_removed": (Outcome.NOT_APPLICABLE, ""),
        "banner_by_hand": (Outcome.MANUAL, ""),
        "kernel_unknown": (Outcome.FAIL, "linux-1.5.1"),
        "file_permissions_ungroupowned": (Outcome.MANUAL, "linux-7.1.12"),
    }
    assert scan.version == "1.0, content 0.1.82"
    assert found["sshd_disable_root_login"].title == "Title of sshd_disable_root_login"
    assert found["sshd_disable_root_login"].remediation == "Do this about sshd_disable_root_login."
    assert "oval:ssg-sshd_disable_root_login:def:1: fail" in found["sshd_disable_root_login"].evidence
    assert found["file_permissions_ungroupowned"].evidence == "Left out of the scan: walks the disks"


def test_a_rule_that_ran_all_the_same_is_told_once(tmp_path: Path) -> None:
    left_out = [{"rule": "package_aide_installed", "reason": "walks the disks"}]

    found = read(leave(tmp_path, "openscap", XCCDF, left_out=left_out))[0].findings

    assert [f.outcome for f in found if f.rule == "package_aide_installed"] == [Outcome.PASS]


def test_numbers_are_found_under_either_address_of_the_benchmarks(tmp_path: Path) -> None:
    report = XCCDF.replace("cisecurity.org/benchmark/debian_linux/", "cisecurity.org/cis-benchmarks/")

    found = by_rule(read(leave(tmp_path, "openscap", report))[0])

    assert found["sshd_disable_root_login"].item == "linux-5.1.20"


def test_what_openscap_saw_is_the_evidence(tmp_path: Path) -> None:
    evidence = {"oval:ssg-sshd_disable_root_login:def:1": "PermitRootLogin is no: found nothing"}

    found = by_rule(read(leave(tmp_path, "openscap", XCCDF, evidence=evidence))[0])

    assert found["sshd_disable_root_login"].evidence == "PermitRootLogin is no: found nothing"
    assert found["package_aide_installed"].evidence == ""


def test_numbers_of_another_system_are_those_of_its_own_benchmark(tmp_path: Path) -> None:
    report = XCCDF.replace("DEBIAN-12", "RHEL-9").replace(">5.1.20<", ">5.1.22<")

    found = by_rule(read(leave(tmp_path, "openscap", report))[0])

    assert found["sshd_disable_root_login"].item == "linux-5.1.20"
    assert found["package_aide_installed"].item == ""


def test_lynis_tells_its_index_its_warnings_and_its_suggestions(tmp_path: Path) -> None:
    scan = scan_of(read(all_of(tmp_path)), Scanner.LYNIS)
    found = by_rule(scan)

    assert scan.index == 59
    assert {rule: (f.outcome, f.severity) for rule, f in found.items()} == {
        "KRNL-5677": (Outcome.PASS, ""),
        "PKGS-7388": (Outcome.FAIL, "warning"),
        "SSH-7408": (Outcome.MANUAL, "suggestion"),
    }
    assert found["SSH-7408"].evidence.splitlines() == [
        "Consider this LogLevel (set INFO to VERBOSE)",
        "Consider this Port (set 22 to )",
    ]
    assert found["PKGS-7388"].item == "lynis-PKGS-7388"


def test_a_scanner_that_did_not_run_says_why(tmp_path: Path) -> None:
    scan = read(leave(tmp_path, "openscap", unavailable="OpenSCAP is not installed."))[0]

    assert (scan.unavailable, scan.findings) == ("OpenSCAP is not installed.", ())


LAUGHS = '<!DOCTYPE b [<!ENTITY a "ha"><!ENTITY c "&a;&a;">]>'
OUTSIDE = '<!DOCTYPE b [<!ENTITY a SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize(
    ("scanner", "report", "why"),
    [
        ("openscap", XCCDF.replace("<Benchmark", f"{LAUGHS}<Benchmark", 1), "document type"),
        ("openscap", XCCDF.replace("<Benchmark", f"{OUTSIDE}<Benchmark", 1), "document type"),
        ("openscap", "<a>" * 200, "nested deeper"),
        ("openscap", XCCDF[:-20], "no XML"),
        ("openscap", b"\xff\xfe\x00", "no XML"),
        ("openscap", "<a/>", "no results"),
        ("openscap", None, "not there"),
        ("kube-bench", "[]", "no report of kube-bench"),
        ("kube-bench", '{"Controls": ' + "[" * 100_000, "no report of kube-bench"),
        ("kube-bench", b'{"Controls": "\xff"}', "no report of kube-bench"),
        ("lynis", LYNIS.replace("hardening_index=59", ""), "no hardening index"),
        ("lynis", LYNIS.replace("=59", "=" + "9" * 9), "no hardening index"),
    ],
)
def test_a_hostile_or_damaged_report_takes_nothing_with_it(
    tmp_path: Path, scanner: str, report: str | bytes | None, why: str
) -> None:
    place = all_of(tmp_path)
    if report is None:
        (place / "n-1" / "openscap-results.xml").unlink()

    scans = read(leave(place, scanner, report))

    damaged = scan_of(scans, Scanner(scanner))
    assert why in damaged.unavailable
    assert damaged.findings == ()
    assert [scan.unavailable for scan in scans if scan.scanner != scanner] == ["", ""]


@pytest.mark.parametrize(
    "meta", ["{", '{"scanner": "lynis"}', '{"scanner": "nothing"}', '{"scanner": "kube-bench", "version": 1}']
)
def test_a_damaged_account_of_a_scan_is_told(tmp_path: Path, meta: str) -> None:
    all_of(tmp_path)
    (tmp_path / "n-1" / "kube-bench.meta.json").write_text(meta)

    assert "cannot be read" in scan_of(read(tmp_path), Scanner.KUBE_BENCH).unavailable


def test_links_and_overlong_reports_are_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "MOST_BYTES", len(LYNIS) - 1)
    leave(tmp_path, "lynis", LYNIS)
    leave(tmp_path, "openscap")
    (tmp_path / "n-1" / "openscap-results.xml").symlink_to("/etc/passwd")
    (tmp_path / "n-9").symlink_to(tmp_path / "n-1")

    scans = read(tmp_path)

    assert [scan.host for scan in scans] == ["n-1", "n-1"]
    assert "longer than" in scan_of(scans, Scanner.LYNIS).unavailable
    assert "not there" in scan_of(scans, Scanner.OPENSCAP).unavailable


def test_text_of_a_node_cannot_speak_to_a_terminal_and_has_an_end(tmp_path: Path) -> None:
    hostile = json.dumps(KUBE_BENCH).replace("root:root", "\\u001b[2J\\u202e" + "x" * 9000)

    found = by_rule(read(leave(tmp_path, "kube-bench", hostile))[0])["1.1.12"]

    assert not {"\x1b", "\u202e"} & set(found.evidence)
    assert len(found.evidence) == bounds.LONGEST_TEXT
