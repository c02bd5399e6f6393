"""Findings judged: exceptions, counts, scores and differences."""

from __future__ import annotations

import pytest

from engine.domain import hardening_report
from engine.domain.hardening import Disposition, Finding, HostScan, Item, Outcome, Scanner
from engine.domain.hardening_report import By, ChangeKind, Counts, Grounds, Known
from engine.domain.statuses import OsType

CATALOGUE = {
    "linux-1.1.1": Item(title="Applied"),
    "linux-3.3.1": Item(
        title="Forwarding",
        disposition=Disposition.ADAPTED,
        reason="Pods need it.",
        numbers={OsType.UBUNTU22: "3.3.1"},
    ),
    "linux-7.1.6": Item(
        title="Backups",
        disposition=Disposition.ADAPTED,
        reason="Rewritten there.",
        only_on=(OsType.UBUNTU22,),
        numbers={OsType.UBUNTU22: "7.1.6"},
    ),
    "linux-6.2.1": Item(title="Auditd", lab="No audit in a container."),
    "kubernetes-1.2.9": Item(title="Limits", disposition=Disposition.OMITTED, reason="Too blunt."),
}
HOSTS = {"cp-1": OsType.DEBIAN12, "worker-2": OsType.ROCKY9, "worker-10": OsType.UBUNTU22}


def finding(rule: str, outcome: Outcome = Outcome.FAIL, item: str = "", **values: str) -> Finding:
    return Finding(rule=rule, outcome=outcome, title=f"Title of {rule}", item=item, **values)


def judged(*scans: HostScan, lab: bool = False, **exceptions: str) -> hardening_report.Judgement:
    own = {name.replace("_", "-", 1).replace("_", "."): reason for name, reason in exceptions.items()}
    return hardening_report.judge(scans, Grounds(hosts=HOSTS, catalogue=CATALOGUE, exceptions=own, lab=lab))


def one(item: str, *, host: str = "cp-1", lab: bool = False, **exceptions: str):
    scan = HostScan(host=host, scanner=Scanner.OPENSCAP, findings=(finding("rule", item=item),))
    (result,) = judged(scan, lab=lab, **exceptions).results
    return result.outcome, result.by, result.reason


@pytest.mark.parametrize(
    ("item", "host", "lab", "expected"),
    [
        ("linux-1.1.1", "cp-1", True, (Outcome.FAIL, None, "")),
        ("linux-3.3.1", "cp-1", False, (Outcome.EXCEPTED, By.PRODUCT, "Pods need it.")),
        ("linux-3.3.1", "worker-10", False, (Outcome.EXCEPTED, By.PRODUCT, "Pods need it.")),
        ("linux-3.3.1", "worker-2", False, (Outcome.FAIL, None, "")),  # Rocky has no such item
        ("linux-7.1.6", "worker-10", False, (Outcome.EXCEPTED, By.PRODUCT, "Rewritten there.")),
        ("linux-7.1.6", "cp-1", False, (Outcome.FAIL, None, "")),  # adapted on Ubuntu only
        ("kubernetes-1.2.9", "worker-2", False, (Outcome.EXCEPTED, By.PRODUCT, "Too blunt.")),
        ("linux-6.2.1", "cp-1", True, (Outcome.EXCEPTED, By.LAB, "No audit in a container.")),
        ("linux-6.2.1", "cp-1", False, (Outcome.FAIL, None, "")),
        ("linux-9.9.9", "cp-1", True, (Outcome.FAIL, None, "")),
        ("", "cp-1", True, (Outcome.FAIL, None, "")),
    ],
)
def test_only_what_has_a_written_reason_is_excepted(item, host, lab, expected):
    assert one(item, host=host, lab=lab) == expected


@pytest.mark.parametrize(
    ("item", "expected"),
    [("linux-3.3.1", Outcome.FAIL), ("kubernetes-1.2.9", Outcome.EXCEPTED)],
)
def test_what_was_never_adapted_is_not_excused_by_how_it_would_be(item, expected):
    scan = HostScan(host="cp-1", scanner=Scanner.OPENSCAP, findings=(finding("rule", item=item),))
    grounds = Grounds(hosts=HOSTS, catalogue=CATALOGUE, switched_on=frozenset())

    (result,) = hardening_report.judge([scan], grounds).results

    assert result.outcome is expected


def test_the_level_is_that_of_the_nodes_own_benchmark():
    item = Item(
        title="Strict",
        disposition=Disposition.ADAPTED,
        reason="By half.",
        numbers={OsType.UBUNTU22: "3.2.1"},
        level=2,
        levels={OsType.UBUNTU22: 1},
    )
    grounds = Grounds(hosts=HOSTS, catalogue={"linux-3.2.1": item}, level=1)

    assert grounds.excuse("linux-3.2.1", "worker-10") == (By.PRODUCT, "By half.")
    assert grounds.excuse("linux-3.2.1", "cp-1") is None


def test_the_owners_word_comes_first():
    excepted = one("linux-3.3.1", linux_3_3_1="Our routers need it.")

    assert excepted == (Outcome.EXCEPTED, By.CLUSTER, "Our routers need it.")


def test_an_exception_changes_nothing_about_what_passes_or_is_left_to_a_person():
    outcomes = (Outcome.PASS, Outcome.MANUAL, Outcome.NOT_APPLICABLE)
    scan = HostScan(
        host="cp-1",
        scanner=Scanner.OPENSCAP,
        findings=tuple(finding(f"rule-{each}", each, "linux-3.3.1") for each in outcomes),
    )

    found = judged(scan).results

    assert tuple(each.outcome for each in found) == outcomes
    assert {each.reason for each in found} == {""}


def test_scores_are_rounded_down_and_what_is_excepted_counts_only_in_the_raw_one():
    counts = Counts(passed=2, failed=1, excepted=3, manual=7, not_applicable=9)

    assert (counts.score, counts.raw_score) == (66.6, 33.3)
    assert Counts(passed=9999, failed=1).score == 99.9
    assert Counts(passed=1, excepted=1).score == 100.0
    assert (Counts(manual=3).score, Counts(manual=3).raw_score) == (None, None)


def test_a_report_has_the_lowest_score_and_says_who_did_not_run():
    bench = HostScan(
        host="cp-1",
        scanner=Scanner.KUBE_BENCH,
        version="0.15.6",
        profile="cis-1.12",
        findings=(finding("1.1.1", Outcome.PASS), finding("1.2.9", item="kubernetes-1.2.9")),
    )
    lynis = [
        HostScan(host=host, scanner=Scanner.LYNIS, version=version, index=index)
        for host, version, index in (("worker-10", "3.0.8", 91), ("cp-1", "3.0.9", 86))
    ]
    missing = HostScan(host="worker-2", scanner=Scanner.OPENSCAP, unavailable="No content for rocky9.")
    stray = HostScan(host="elsewhere", scanner=Scanner.LYNIS, index=1)

    found = judged(missing, *lynis, bench, stray)

    assert [summary.scanner for summary in found.scanners] == list(Scanner)
    kube, openscap, index = found.scanners
    assert (kube.score, kube.raw_score, kube.hosts) == (100.0, 50.0, 1)
    assert (openscap.score, openscap.hosts) == (None, 0)
    assert [(each.host, each.reason) for each in openscap.unavailable] == [
        ("worker-2", "No content for rocky9.")
    ]
    assert (index.score, index.raw_score, index.hosts, index.version) == (86.0, 86.0, 2, "3.0.8, 3.0.9")
    assert found.score == 86.0
    assert [(each.host, each.scanner) for each in found.hosts] == [
        ("cp-1", Scanner.KUBE_BENCH),
        ("cp-1", Scanner.LYNIS),
        ("worker-2", Scanner.OPENSCAP),
        ("worker-10", Scanner.LYNIS),
    ]
    assert found.counts == Counts(passed=1, excepted=1)


def test_a_host_that_a_scanner_left_nothing_of_is_told():
    scans = [HostScan(host="cp-1", scanner=Scanner.LYNIS, index=90)]

    found = judged(*hardening_report.with_unseen(scans, dict.fromkeys(HOSTS, "Unreachable.")))

    assert [(each.host, each.unavailable) for each in found.hosts] == [
        ("cp-1", ""),
        ("worker-2", "Unreachable."),
        ("worker-10", "Unreachable."),
    ]
    assert (found.score, found.scanners[0].hosts) == (90.0, 1)
    assert hardening_report.with_unseen([], {"cp-1": "Unreachable."}) == []


def test_of_a_rule_that_comes_several_times_the_worst_counts_once():
    scan = HostScan(
        host="cp-1",
        scanner=Scanner.OPENSCAP,
        findings=(finding("a", Outcome.PASS), finding("b"), finding("a"), finding("a", Outcome.MANUAL)),
    )

    found = judged(scan).results

    assert [(each.rule, each.outcome) for each in found] == [("a", Outcome.FAIL), ("b", Outcome.FAIL)]


def test_what_nodes_send_is_bounded():
    endless = "x" * 100_000
    scan = HostScan(
        host="cp-1",
        scanner=Scanner.OPENSCAP,
        version=endless,
        findings=(finding(endless, evidence=endless, remediation=endless, severity=endless),),
    )

    found = judged(scan)

    assert len(found.scanners[0].version) <= hardening_report.SHORT_TEXT
    (result,) = found.results
    assert max(len(result.rule), len(result.title), len(result.severity)) <= hardening_report.SHORT_TEXT
    assert max(len(result.evidence), len(result.remediation)) <= hardening_report.LONG_TEXT


def test_changes_are_told_worst_first_and_numbers_are_numbers():
    failed, passed = Outcome.FAIL, Outcome.PASS
    outcomes = {
        ("w-10", "5.2.9"): (failed, passed),
        ("w-9", "5.2.10"): (failed, Outcome.EXCEPTED),
        ("w-9", "5.2.9"): (failed, passed),
        ("w-9", "same"): (passed, passed),
        ("w-1", "new"): (None, failed),
        ("w-1", "old"): (failed, None),
        ("w-2", "manual"): (passed, Outcome.MANUAL),
        ("w-2", "worse"): (Outcome.EXCEPTED, failed),
    }

    def side(place: int) -> dict[tuple[str, Scanner, str], Known]:
        return {
            (host, Scanner.OPENSCAP, rule): Known(item="", title=f"As of {place}", outcome=both[place])
            for (host, rule), both in outcomes.items()
            if both[place] is not None
        }

    found = hardening_report.changes(side(0), side(1))

    assert [(each.kind, each.host, each.rule, each.title[-1]) for each in found] == [
        (ChangeKind.BROKEN, "w-2", "worse", "1"),
        (ChangeKind.FIXED, "w-9", "5.2.9", "1"),
        (ChangeKind.FIXED, "w-9", "5.2.10", "1"),
        (ChangeKind.FIXED, "w-10", "5.2.9", "1"),
        (ChangeKind.APPEARED, "w-1", "new", "1"),
        (ChangeKind.GONE, "w-1", "old", "0"),
        (ChangeKind.OTHER, "w-2", "manual", "1"),
    ]
    assert [(each.before, each.after) for each in found[:2]] == [
        (Outcome.EXCEPTED, failed),
        (failed, passed),
    ]
    assert hardening_report.changes(side(1), side(1)) == []
