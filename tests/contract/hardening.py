"""A cluster whose nodes were scanned, as a supervisor leaves it."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterable
from pathlib import Path

import httpx

from engine import content
from engine.domain import hardening_report
from engine.domain.hardening import Disposition, Finding, HostScan, Item, Outcome, Scanner
from engine.domain.hardening_report import Grounds
from engine.domain.statuses import JobStatus, OsType
from engine.services import hardening_reports
from engine.services.hardening_reports import LeftFile, Scan
from tests.contract.harness import Api, Run

#: Markup, a cell that is a formula, and more: a node may send anything.
HOSTILE = '<script>alert("x")</script>{{ 7*7 }}\x00\u202e=1+1'
REASON = "Pods need <b>forwarding</b>."
GROUNDS = Grounds(
    hosts={"control-01": OsType.DEBIAN12, "worker-01": OsType.ROCKY9},
    catalogue={
        "linux-3.3.1": Item(
            title="Forwarding",
            disposition=Disposition.ADAPTED,
            reason=REASON,
            numbers={OsType.ROCKY9: "3.3.1"},
        )
    },
)
CATALOGUE = """\
linux-1.1.1.1: {title: Old file systems, numbers: {rocky9: 1.1.1.2}}
linux-3.3.1: {title: No forwarding, disposition: omitted, reason: Pods need it.}
linux-5.1.20: {title: No root login, level: 2, disposition: adapted, reason: By key., lab: No console.}
linux-7.1.6:
  {title: Backups, disposition: adapted, only_on: [debian13], reason: By mode., levels: {debian13: 2},
   numbers: {debian13: 7.1.6}}
kubernetes-1.2.1: {title: No anonymous requests}
lynis-AUTH-9286: {title: Ages of passwords, numbers: {}}
"""
PLAY = """\
- name: {name}
  hosts: k8s_cluster
  tags: [{tag}]
- name: Look at what came of it
  hosts: k8s_cluster
  tags: [look]
"""
RAW_CONTENT = b'{"Controls": []}'
RAW = LeftFile.of("control-01-kube-bench.json", "application/json", RAW_CONTENT)


def scans(**outcomes: Outcome) -> list[HostScan]:
    """Both nodes scanned; outcomes by rule, where `forwarding` is an adapted item."""
    outcomes = outcomes or {
        "hostile": Outcome.FAIL,
        "forwarding": Outcome.FAIL,
        "banner": Outcome.PASS,
        "policy": Outcome.MANUAL,
        "usb": Outcome.NOT_APPLICABLE,
    }
    findings = tuple(
        Finding(
            rule=rule,
            outcome=outcome,
            title=HOSTILE if rule == "hostile" else f"About {rule}",
            item="linux-3.3.1" if rule == "forwarding" else "",
            severity="high",
            evidence=f"{rule} is {outcome.value}",
            remediation=f"Mend {rule}.",
        )
        for rule, outcome in outcomes.items()
    )
    return [
        *(
            HostScan(host=host, scanner=Scanner.OPENSCAP, version="1.3.7", profile="cis", findings=findings)
            for host in GROUNDS.hosts
        ),
        HostScan(host="control-01", scanner=Scanner.LYNIS, index=88),
        HostScan(host="worker-01", scanner=Scanner.LYNIS, unavailable="Lynis is not in the bundle."),
    ]


SCAN = Scan(judgement=hardening_report.judge(scans(), GROUNDS), files=(RAW,))


async def scanned(
    api: Api,
    client: httpx.AsyncClient,
    found: Iterable[HostScan] | None = None,
    *,
    cluster: str = "yard-1",
    keep: int = hardening_reports.DEFAULT_KEPT,
    files: Iterable[LeftFile] = (RAW,),
) -> tuple[str, str]:
    """A job of a cluster that scanned its nodes; the report's id and the job's."""
    started = (await client.post(f"/api/v1/clusters/{cluster}/verify")).json()
    run = Run(started["job_id"], api.cipher)
    await run.claim()
    judgement = hardening_report.judge(scans() if found is None else found, GROUNDS)
    recorded = await hardening_reports.record(
        uuid.UUID(started["job_id"]), run.attempt, Scan(judgement=judgement, files=tuple(files)), keep=keep
    )
    await run.finish(JobStatus.SUCCESS)
    return str(recorded), started["job_id"]


def lay_content(root: Path) -> None:
    """Playbooks of two plays for each job of hardening, and a catalogue of five items."""
    (root / "playbooks").mkdir()
    shutil.copy(content.playbooks() / "provision.yml", root / "playbooks")
    for name in ("harden", "scan", "rotate-encryption-key"):
        (root / "playbooks" / f"{name}.yml").write_text(PLAY.format(name=f"Do {name}", tag=f"do-{name}"))
    catalogue = root / "roles" / "hardening" / "catalogue"
    catalogue.mkdir(parents=True)
    (catalogue / "1.yml").write_text(CATALOGUE)
