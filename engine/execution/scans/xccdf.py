"""Results in the words of XCCDF, alone or in an ARF report.

Read as a stream that knows neither document types nor entities, so that a report cannot grow while it is
read.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping

import msgspec

from engine.domain.hardening import Finding, Outcome
from engine.execution.scans import bounds
from engine.execution.scans.bounds import UnreadableReport

_DEEPEST = 100
_LONGEST_KEPT = 4 * bounds.LONGEST_TEXT
_PREFIX = re.compile(r"^xccdf_org\.ssgproject\.content_rule_")
_NUMBER = re.compile(r"\d{1,2}(\.\d{1,2}){1,4}")
_CIS = ("cisecurity.org/benchmark", "cisecurity.org/cis-benchmarks")
_OUTCOMES = {
    "pass": Outcome.PASS,
    "fixed": Outcome.PASS,
    "fail": Outcome.FAIL,
    # OpenSCAP could not find out: nobody may read that as fine.
    "error": Outcome.FAIL,
    "unknown": Outcome.FAIL,
    "notapplicable": Outcome.NOT_APPLICABLE,
    "notchecked": Outcome.MANUAL,
    "informational": Outcome.MANUAL,
}
_TOLD = {"title", "description", "rationale", "reference", "result", "message", "version"}


class Rule(msgspec.Struct):
    """A rule as the content describes it."""

    title: str = ""
    description: str = ""
    rationale: str = ""
    severity: str = ""
    numbers: list[str] = []


class RuleResult(msgspec.Struct):
    """What came of a rule."""

    rule: str
    severity: str = ""
    result: str = ""
    messages: list[str] = []
    definition: str = ""


class Results(msgspec.Struct):
    """What a report holds: the benchmark's id and version, its rules by id, and what came of them."""

    benchmark: str = ""
    version: str = ""
    rules: dict[str, Rule] = {}
    results: list[RuleResult] = []


class _Reader:
    """Collects `Results` from the events of a parser."""

    def __init__(self) -> None:
        self.found = Results()
        self._path: list[str] = []
        self._rule: Rule | None = None
        self._result: RuleResult | None = None
        self._text: list[str] | None = None
        self._length = 0
        self._reference = ""

    def doctype(self, *_: object) -> None:
        raise UnreadableReport("it has a document type, which no report of a scanner has")

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        name = tag.rpartition("}")[2]
        self._path.append(name)
        if len(self._path) > _DEEPEST:
            raise UnreadableReport(f"it is nested deeper than {_DEEPEST}")
        if name == "Benchmark":
            self.found.benchmark = attributes.get("id", "")[:200]
        elif name == "Rule" and self._result is None:
            self._rule = self.found.rules.setdefault(attributes.get("id", ""), Rule())
            self._rule.severity = attributes.get("severity", "")
        elif name == "rule-result":
            self._result = RuleResult(attributes.get("idref", ""), attributes.get("severity", ""))
            self.found.results.append(self._result)
        elif name == "check-content-ref" and self._result is not None:
            self._result.definition = attributes.get("name", "")
        elif name == "reference":
            self._reference = attributes.get("href", "")
        if max(len(self.found.results), len(self.found.rules)) > bounds.MOST_FINDINGS:
            raise UnreadableReport(f"it has more than {bounds.MOST_FINDINGS} rules")
        if name in _TOLD and self._is_told():
            self._text, self._length = [], 0

    def _is_told(self) -> bool:
        """Whether the text of the element that begins belongs to what is collected."""
        above = self._path[-2] if len(self._path) > 1 else ""
        return above in {"Rule", "rule-result", "Benchmark"}

    def data(self, text: str) -> None:
        if self._text is not None and self._length < _LONGEST_KEPT:
            self._text.append(text)
            self._length += len(text)

    def end(self, _tag: str) -> None:
        name = self._path.pop()
        above = self._path[-1] if self._path else ""
        if name in _TOLD and self._text is not None and above in {"Rule", "rule-result", "Benchmark"}:
            self._keep(name, above, "".join(self._text))
            self._text = None
        if name == "Rule":
            self._rule = None
        elif name == "rule-result":
            self._result = None

    def _keep(self, name: str, above: str, text: str) -> None:
        if above == "rule-result" and self._result is not None:
            if name == "result":
                self._result.result = text.strip()
            elif name == "message":
                self._result.messages.append(text)
        elif above == "Benchmark" and name == "version":
            self.found.version = bounds.line(text, 40)
        elif self._rule is None:
            return
        elif name == "reference":
            if any(place in self._reference for place in _CIS) and _NUMBER.fullmatch(text.strip()):
                self._rule.numbers.append(text.strip())
        elif name in {"title", "description", "rationale"}:
            setattr(self._rule, name, text)

    def close(self) -> None:
        """Called at the end of the document; `found` has it all."""


def parse(report: bytes) -> Results:
    """What an XCCDF or ARF report holds.

    Raises:
        UnreadableReport: it is no such report, or holds what none holds.
    """
    reader = _Reader()
    parser = ET.XMLParser(target=reader)  # noqa: S314 - the reader refuses document types, hence entities
    try:
        parser.feed(report)
        parser.close()
    except (ET.ParseError, ValueError, LookupError) as error:
        raise UnreadableReport(f"it is no XML of a scanner ({error})") from error
    if not reader.found.results:
        raise UnreadableReport("it has no results")
    return reader.found


def findings(results: Results, items: Mapping[str, str], evidence: Mapping[str, str]) -> list[Finding]:
    """A finding per rule that the profile selects; `items` gives items by number and rule,
    `evidence` what was seen by definition.
    """
    return [
        _finding(result, results.rules.get(result.rule, Rule()), items, evidence)
        for result in results.results
        if result.result != "notselected"
    ]


def short(rule: str) -> str:
    """A rule's id without what all ids of the SCAP Security Guide begin with."""
    return bounds.line(_PREFIX.sub("", rule), 150)


def _finding(
    result: RuleResult, rule: Rule, items: Mapping[str, str], evidence: Mapping[str, str]
) -> Finding:
    name = short(result.rule)
    outcome = _OUTCOMES.get(result.result, Outcome.FAIL)
    told = [*result.messages]
    if outcome is Outcome.FAIL:
        plain = f"{result.definition or 'the check'}: {result.result or 'no result'}"
        told.append(evidence.get(result.definition) or plain)
    return Finding(
        rule=name,
        item=next((items[key] for key in (name, *rule.numbers) if key in items), ""),
        outcome=outcome,
        title=bounds.line(rule.title),
        severity=bounds.line(result.severity or rule.severity, 20),
        evidence=bounds.lines("\n".join(told)),
        remediation=bounds.lines(rule.description) if outcome is not Outcome.PASS else "",
    )
