"""Lynis' report: lines of `name=value`."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from engine.domain.hardening import Finding, Outcome
from engine.execution.scans import bounds
from engine.execution.scans.bounds import UnreadableReport

_TEST = re.compile(r"[A-Z]{2,5}-\d{4}")


class LynisReport(msgspec.Struct, frozen=True):
    """Lynis' hardening index and what its tests said."""

    index: int
    findings: tuple[Finding, ...]


def parse(report: bytes) -> LynisReport:
    """A finding per test: failed with a warning, left to a person with a suggestion, else passed.

    Raises:
        UnreadableReport: it is not what Lynis writes, or Lynis did not come to its end.
    """
    values: dict[str, list[str]] = {}
    for line in report.decode("utf-8", "replace").splitlines():
        name, separator, value = line.partition("=")
        if separator and not line.startswith("#"):
            values.setdefault(name.strip(), []).append(value)
    index = values.get("hardening_index", [""])[-1].strip()
    if not index.isdecimal() or int(index[:4]) > 100:
        raise UnreadableReport("it has no hardening index")
    warnings, suggestions = _advice(values.get("warning[]", [])), _advice(values.get("suggestion[]", []))
    tests = sorted({*_tests(values, "tests_executed"), *warnings, *suggestions})
    if len(tests) > bounds.MOST_FINDINGS:
        raise UnreadableReport(f"it has more than {bounds.MOST_FINDINGS} tests")
    return LynisReport(int(index), tuple(_finding(test, warnings, suggestions) for test in tests))


def _tests(values: Mapping[str, list[str]], name: str) -> set[str]:
    found = (part.strip() for value in values.get(name, []) for part in value.split("|"))
    return {part for part in found if _TEST.fullmatch(part)}


def _advice(lines: list[str]) -> dict[str, list[list[str]]]:
    """The parts of each piece of advice (text, details, solution) by test."""
    found: dict[str, list[list[str]]] = {}
    for line in lines:
        test, *parts = line.split("|")
        if _TEST.fullmatch(test.strip()):
            known = [part.strip() for part in parts]
            found.setdefault(test.strip(), []).append([part if part != "-" else "" for part in known])
    return found


def _finding(
    test: str, warnings: Mapping[str, list[list[str]]], suggestions: Mapping[str, list[list[str]]]
) -> Finding:
    advice = [*warnings.get(test, []), *suggestions.get(test, [])]
    outcome = Outcome.FAIL if test in warnings else Outcome.MANUAL if test in suggestions else Outcome.PASS
    return Finding(
        rule=test,
        item=f"lynis-{test}",
        outcome=outcome,
        title=bounds.line(advice[0][0] if advice and advice[0] else ""),
        severity={Outcome.FAIL: "warning", Outcome.MANUAL: "suggestion"}.get(outcome, ""),
        evidence=bounds.lines("\n".join(" ".join(part for part in parts[:2] if part) for parts in advice)),
        remediation=bounds.lines("\n".join(parts[2] for parts in advice if len(parts) > 2 and parts[2])),
    )
