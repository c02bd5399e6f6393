"""A hardening report as SARIF 2.1.0: one run per scanner, with what failed, what is excepted and what is left
to a person. What passed is not told: readers of SARIF list problems.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from engine.domain.hardening import Outcome
from engine.domain.hardening_report import Result, ScannerSummary
from engine.store.hardening_records import HardeningReport

TOLD = (Outcome.FAIL, Outcome.EXCEPTED, Outcome.MANUAL)

_KINDS = {
    Outcome.FAIL: {"kind": "fail", "level": "error"},
    Outcome.EXCEPTED: {"kind": "fail", "level": "note"},
    Outcome.MANUAL: {"kind": "review", "level": "none"},
}


def document(report: HardeningReport, cluster: str, results: Sequence[Result]) -> dict[str, Any]:
    """The report of a cluster of this name; `results` are those whose outcome is `TOLD`."""
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            _run(report, cluster, summary, [each for each in results if each.scanner is summary.scanner])
            for summary in report.scanners
        ],
    }


def _run(
    report: HardeningReport, cluster: str, summary: ScannerSummary, results: Sequence[Result]
) -> dict[str, Any]:
    rules = {result.rule: result for result in reversed(results)}  # the first of each
    places = {rule: place for place, rule in enumerate(rules)}
    driver = {"name": summary.scanner.value, "rules": [_rule(result) for result in rules.values()]}
    if summary.version:
        driver["version"] = summary.version
    return {
        "tool": {"driver": driver},
        "automationDetails": {"id": f"keelyard/{cluster}/{summary.scanner.value}/{report.id}"},
        "invocations": [
            {
                "executionSuccessful": not summary.unavailable,
                "endTimeUtc": report.created_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
                "toolExecutionNotifications": [
                    {"level": "warning", "message": {"text": f"{missing.host}: {missing.reason}"}}
                    for missing in summary.unavailable
                ],
            }
        ],
        "results": [_result(report, cluster, result, places[result.rule]) for result in results],
        "properties": {
            "profile": summary.profile,
            "score": summary.score,
            "rawScore": summary.raw_score,
            "hosts": summary.hosts,
        },
    }


def _rule(result: Result) -> dict[str, Any]:
    title = result.title or result.rule
    return {
        "id": result.rule,
        "shortDescription": {"text": title},
        "fullDescription": {"text": title},
        "help": {"text": result.remediation or title},
        "properties": {
            "severity": result.severity,
            "tags": ["hardening", *([result.item] if result.item else [])],
        },
    }


def _result(report: HardeningReport, cluster: str, result: Result, place: int) -> dict[str, Any]:
    text = "\n".join(
        part for part in (f"{result.host}: {result.title or result.rule}", result.evidence) if part
    )
    own = f"{report.cluster_id}/{result.host}/{result.scanner.value}/{result.rule}"
    found: dict[str, Any] = {
        "ruleId": result.rule,
        "ruleIndex": place,
        **_KINDS[result.outcome],
        "message": {"text": text},
        "locations": [
            {
                "physicalLocation": {"artifactLocation": {"uri": f"nodes/{quote(result.host, safe='')}"}},
                "logicalLocations": [
                    {"name": result.host, "fullyQualifiedName": f"{cluster}/{result.host}", "kind": "module"}
                ],
            }
        ],
        "partialFingerprints": {"keelyardResult/v1": hashlib.sha256(own.encode()).hexdigest()},
    }
    if result.outcome is Outcome.EXCEPTED:
        by = result.by.value if result.by else ""
        found["suppressions"] = [
            {"kind": "external", "status": "accepted", "justification": f"{result.reason} ({by})"}
        ]
    return found
