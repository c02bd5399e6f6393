"""Scans of a cluster for pictures: a node as it comes, then hardened, put in through the services."""

from __future__ import annotations

import uuid

import httpx

from engine.domain import hardening_report
from engine.domain.hardening import Disposition, Finding, HostScan, Item, Outcome, Scanner
from engine.domain.hardening_report import Grounds
from engine.domain.statuses import JobStatus, OsType
from engine.services import hardening_reports
from engine.services.hardening_reports import Scan
from engine.store import database
from tests.contract.harness import Api, Run

HOSTS = {"control-01": OsType.DEBIAN12, "worker-01": OsType.DEBIAN12}
_FORWARDING = Item(
    title="IP forwarding is disabled",
    disposition=Disposition.OMITTED,
    reason="Pods are reached by forwarding.",
)
_ITEMS = {"linux-3.3.1": _FORWARDING}
#: Passed and failed of kube-bench and OpenSCAP, and the index of Lynis: one scan each, the first one first.
_SCANS = (((43, 20), (151, 82), 61), ((58, 5), (209, 24), 74), ((63, 0), (229, 4), 86))


async def scan(server: Api, client: httpx.AsyncClient, cluster: str) -> None:
    """Three scans of a cluster, a day apart."""
    for day, (kube_bench, openscap, index) in enumerate(_SCANS, start=18):
        started = (await client.post(f"/api/v1/clusters/{cluster}/scan")).json()
        run = Run(started["job_id"], server.cipher)
        await run.claim()
        found = [
            each
            for host in HOSTS
            for each in (
                _scan(host, Scanner.KUBE_BENCH, *kube_bench),
                _scan(host, Scanner.OPENSCAP, *openscap),
                HostScan(host=host, scanner=Scanner.LYNIS, version="3.1.4", index=index),
            )
        ]
        judged = hardening_report.judge(found, Grounds(hosts=HOSTS, catalogue=_ITEMS))
        report_id = await hardening_reports.record(
            uuid.UUID(started["job_id"]), run.attempt, Scan(judgement=judged)
        )
        await run.finish(JobStatus.SUCCESS)
        when = f"2026-11-{day} 09:12+00"
        await database.fetch(
            "UPDATE hardening_report SET created_at = $1::text::timestamptz WHERE id = $2", when, report_id
        )


def _scan(host: str, scanner: Scanner, passed: int, failed: int) -> HostScan:
    version, profile = {
        Scanner.KUBE_BENCH: ("0.15.6", "cis-1.12"),
        Scanner.OPENSCAP: ("1.4.2", "cis_level2_server"),
    }[scanner]
    findings = [_finding(number, Outcome.PASS) for number in range(passed)]
    findings += [_finding(passed + number, Outcome.FAIL) for number in range(failed)]
    if scanner is Scanner.OPENSCAP:
        findings.append(Finding(rule="ip_forward", outcome=Outcome.FAIL, title="…", item="linux-3.3.1"))
    return HostScan(host=host, scanner=scanner, version=version, profile=profile, findings=tuple(findings))


def _finding(number: int, outcome: Outcome) -> Finding:
    return Finding(rule=f"rule-{number}", outcome=outcome, title=f"Rule {number}")
