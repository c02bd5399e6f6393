"""kube-bench's report: JSON."""

from __future__ import annotations

import msgspec

from engine.domain.hardening import Finding, Outcome
from engine.execution.scans import bounds
from engine.execution.scans.bounds import UnreadableReport

# WARN and INFO are what the benchmark leaves to a person, or what kube-bench could not find out itself.
_OUTCOMES = {"PASS": Outcome.PASS, "FAIL": Outcome.FAIL, "WARN": Outcome.MANUAL, "INFO": Outcome.MANUAL}


class _Result(msgspec.Struct, frozen=True):
    test_number: str
    status: str
    test_desc: str = ""
    remediation: str = ""
    actual_value: str = ""
    expected_result: str = ""
    reason: str = ""
    scored: bool = False


class _Section(msgspec.Struct, frozen=True):
    results: list[_Result] | None = None


class _Controls(msgspec.Struct, frozen=True):
    tests: list[_Section] | None = None


class _Report(msgspec.Struct, frozen=True, rename={"controls": "Controls"}):
    controls: list[_Controls]


def parse(report: bytes) -> list[Finding]:
    """A finding per check.

    Raises:
        UnreadableReport: it is not what kube-bench writes.
    """
    try:
        decoded = msgspec.json.decode(report, type=_Report)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise UnreadableReport(f"it is no report of kube-bench ({error})") from error
    results = [
        result
        for controls in decoded.controls
        for section in controls.tests or ()
        for result in section.results or ()
    ]
    if len(results) > bounds.MOST_FINDINGS:
        raise UnreadableReport(f"it has more than {bounds.MOST_FINDINGS} results")
    return [_finding(result) for result in results]


def _finding(result: _Result) -> Finding:
    number = bounds.line(result.test_number, 40)
    said = (
        ("found", result.actual_value),
        ("expected", result.expected_result),
        ("reason", result.reason),
    )
    return Finding(
        rule=number,
        item=f"kubernetes-{number}",
        outcome=_OUTCOMES.get(result.status, Outcome.FAIL),
        title=bounds.line(result.test_desc),
        severity="scored" if result.scored else "",
        evidence=bounds.lines("\n".join(f"{word}: {text}" for word, text in said if text.strip())),
        remediation=bounds.lines(result.remediation),
    )
