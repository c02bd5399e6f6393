"""Hardening reports over HTTP: listed, filtered, compared, and what is kept of old ones."""

from __future__ import annotations

import uuid

import asyncpg
import pytest

from engine.domain import hardening_report
from engine.domain.hardening import Finding, HostScan, Outcome, Scanner
from engine.domain.hardening_report import Grounds
from engine.domain.statuses import JobStatus, OsType, Role
from engine.services import hardening_reports
from engine.services.hardening_reports import LeftFile, Scan
from engine.store import database, events
from tests.contract.hardening import HOSTILE, RAW, REASON, SCAN, scanned, scans
from tests.contract.harness import Api, Run, cluster_body

PLACE = "/api/v1/hardening/reports"


async def test_a_report_is_listed_and_read(api: Api) -> None:
    admin, viewer = await api.admin(), await api.account(Role.VIEWER)
    made = (await admin.post("/api/v1/clusters", json=cluster_body(provision_immediately=False))).json()
    report_id, job_id = await scanned(api, admin)

    listed = (await viewer.get("/api/v1/clusters/yard-1/hardening/reports")).json()
    whole = (await viewer.get(f"{PLACE}/{report_id}")).json()

    assert (listed["total"], listed["page"], listed["total_pages"]) == (1, 1, 1)
    (line,) = listed["data"]
    assert {name: whole[name] for name in line} == line
    assert (line["id"], line["job_id"], line["cluster_id"]) == (report_id, job_id, made["cluster"]["id"])
    assert (line["score"], line["kept"], line["job_type"]) == (50.0, True, "verify")
    assert line["counts"] == {"passed": 2, "failed": 2, "not_applicable": 2, "excepted": 2, "manual": 2}
    openscap, lynis = line["scanners"]
    assert (openscap["scanner"], openscap["score"], openscap["raw_score"]) == ("openscap", 50.0, 33.3)
    assert (lynis["hosts"], lynis["score"]) == (1, 88.0)
    assert lynis["unavailable"] == [{"host": "worker-01", "reason": "Lynis is not in the bundle."}]
    assert [(host["host"], host["scanner"]) for host in whole["hosts"]] == [
        ("control-01", "openscap"),
        ("control-01", "lynis"),
        ("worker-01", "openscap"),
        ("worker-01", "lynis"),
    ]
    assert whole["artifacts"] == [RAW.name]
    assert (await viewer.get("/api/v1/clusters/yard-1/hardening")).json()["latest"] == line


async def test_results_are_filtered_and_paged(api: Api) -> None:
    admin = await api.admin()
    await admin.post("/api/v1/clusters", json=cluster_body(provision_immediately=False))
    report_id, _ = await scanned(api, admin)

    async def found(**query: object) -> list[str]:
        answer = await admin.get(f"{PLACE}/{report_id}/results", params=query)
        assert answer.status_code == 200, answer.text
        return [f"{each['host']}/{each['rule']}" for each in answer.json()["data"]]

    assert len(await found()) == 10
    assert await found(outcome="excepted") == ["control-01/forwarding", "worker-01/forwarding"]
    assert await found(host="worker-01", outcome="fail") == ["worker-01/hostile"]
    assert await found(scanner="lynis") == []
    assert await found(search="ABOUT ban") == ["control-01/banner", "worker-01/banner"]
    assert await found(search="linux-3.3", host="control-01") == ["control-01/forwarding"]
    assert await found(search="alert(") == ["control-01/hostile", "worker-01/hostile"]
    assert await found(page=4, page_size=3) == ["worker-01/usb"]
    (excepted,) = (
        await admin.get(f"{PLACE}/{report_id}/results", params={"outcome": "excepted", "host": "worker-01"})
    ).json()["data"]
    assert excepted == {
        "host": "worker-01",
        "scanner": "openscap",
        "rule": "forwarding",
        "item": "linux-3.3.1",
        "title": "About forwarding",
        "outcome": "excepted",
        "severity": "high",
        "evidence": "forwarding is fail",
        "remediation": "Mend forwarding.",
        "reason": REASON,
        "by": "product",
    }


async def test_filters_that_are_none_are_refused(api: Api) -> None:
    admin = await api.admin()
    await admin.post("/api/v1/clusters", json=cluster_body(provision_immediately=False))
    report_id, _ = await scanned(api, admin)

    for name, value in {
        "outcome": "good",
        "scanner": "nessus",
        "page": 0,
        "page_size": 1001,
        "hots": "x",
        "search": "",
    }.items():
        answer = await admin.get(f"{PLACE}/{report_id}/results", params={name: value})
        assert answer.status_code == 422, (name, answer.text)
        assert answer.json()["errors"][0]["field"] == name


async def test_two_reports_are_compared(api: Api) -> None:
    admin = await api.admin()
    for name, network in (("yard-1", "192.0.2"), ("yard-2", "198.51.100")):
        body = cluster_body(name, network=network, provision_immediately=False)
        await admin.post("/api/v1/clusters", json=body)
    fail, passed = Outcome.FAIL, Outcome.PASS
    first, _ = await scanned(api, admin, scans(a=fail, b=passed, c=fail, gone=passed))
    foreign, _ = await scanned(api, admin, cluster="yard-2")
    second, _ = await scanned(api, admin, scans(a=passed, b=fail, c=fail, new=fail))

    diff = (await admin.get(f"{PLACE}/{second}/diff")).json()
    named = (await admin.get(f"{PLACE}/{second}/diff", params={"against": first})).json()

    assert diff == named
    assert (diff["before"]["id"], diff["after"]["id"]) == (first, second)
    assert [(each["kind"], each["host"], each["rule"]) for each in diff["lines"]] == [
        (kind, host, rule)
        for kind, rule in (("broken", "b"), ("fixed", "a"), ("appeared", "new"), ("gone", "gone"))
        for host in ("control-01", "worker-01")
    ]
    assert (diff["lines"][0]["before"], diff["lines"][0]["after"]) == ("pass", "fail")
    assert (diff["lines"][4]["before"], diff["lines"][6]["after"]) == (None, None)
    assert (await admin.get(f"{PLACE}/{first}/diff")).status_code == 404
    for against, status in ((foreign, 422), (str(uuid.uuid4()), 404), ("nix", 404)):
        answer = await admin.get(f"{PLACE}/{second}/diff", params={"against": against})
        assert answer.status_code == status, answer.text
    assert (await admin.get(f"{PLACE}/{first}/diff", params={"against": second})).status_code == 422


async def test_of_old_reports_only_the_summary_is_kept(api: Api) -> None:
    admin = await api.admin()
    await admin.post("/api/v1/clusters", json=cluster_body(provision_immediately=False))

    made = [await scanned(api, admin, keep=2) for _ in range(3)]

    listed = (await admin.get("/api/v1/clusters/yard-1/hardening/reports")).json()["data"]
    assert [(line["id"], line["kept"]) for line in listed] == [
        (made[2][0], True),
        (made[1][0], True),
        (made[0][0], False),
    ]
    assert listed[2]["score"] == 50.0
    oldest, oldest_job = made[0]
    assert (await admin.get(f"{PLACE}/{oldest}")).json()["artifacts"] == []
    assert (await admin.get(f"/api/v1/jobs/{oldest_job}/artifacts")).json() == []
    for part in ("results", "export"):
        refused = await admin.get(f"{PLACE}/{oldest}/{part}")
        assert refused.status_code == 404
        assert "HARDENING_REPORTS_KEPT" in refused.json()["detail"]
    refused = await admin.get(f"{PLACE}/{made[1][0]}/diff")
    assert refused.status_code == 404
    assert (await admin.get(f"{PLACE}/{made[2][0]}/diff")).status_code == 200
    (left,) = await database.fetch("SELECT count(DISTINCT report_id) AS n FROM hardening_result")
    assert left["n"] == 2


async def test_recording_twice_gives_one_report_and_another_attempt_none(api: Api) -> None:
    admin = await api.admin()
    await admin.post("/api/v1/clusters", json=cluster_body(provision_immediately=False))
    job_id = (await admin.post("/api/v1/clusters/yard-1/verify")).json()["job_id"]
    run = Run(job_id, api.cipher)
    await run.claim()

    with pytest.raises(events.Fenced):
        await hardening_reports.record(run.job_id, run.attempt + 1, SCAN)
    # A file that cannot be written takes the rest with it.
    wrong = LeftFile.of("../etc/passwd", "text/plain", b"x")
    with pytest.raises(asyncpg.CheckViolationError):
        await hardening_reports.record(
            run.job_id, run.attempt, Scan(judgement=SCAN.judgement, files=(RAW, wrong))
        )
    assert (await admin.get("/api/v1/clusters/yard-1/hardening/reports")).json()["total"] == 0
    assert (await admin.get(f"/api/v1/jobs/{job_id}/artifacts")).json() == []

    first = await hardening_reports.record(run.job_id, run.attempt, SCAN)
    again = await hardening_reports.record(run.job_id, run.attempt, SCAN)
    await run.finish(JobStatus.FAILED)

    assert first == again
    assert (await admin.get("/api/v1/clusters/yard-1/hardening/reports")).json()["total"] == 1
    latest = await hardening_reports.latest((await hardening_reports.rows.get(first)).cluster_id)
    assert latest is not None
    assert latest.id == first


async def test_a_deleted_cluster_leaves_no_report(api: Api) -> None:
    admin = await api.admin()
    await admin.post("/api/v1/clusters", json=cluster_body(provision_immediately=False))
    await scanned(api, admin)

    assert (await admin.delete("/api/v1/clusters/yard-1")).is_success

    for table in ("hardening_report", "hardening_rule", "hardening_result", "job_artifact"):
        assert await database.fetch(f"SELECT 1 FROM {table}") == [], table


async def test_another_tenant_sees_no_report(api: Api) -> None:
    admin = await api.admin()
    await admin.post("/api/v1/clusters", json=cluster_body(provision_immediately=False))
    report_id, job_id = await scanned(api, admin)
    foreigner = await api.account(Role.OPERATOR, "foreigner@example.local")
    await admin.post("/api/v1/tenants", json={"name": "Acme", "email": "a@acme.example"})
    await admin.post("/api/v1/tenants/acme/members", json={"email": "foreigner@example.local"})

    for path in (
        f"{PLACE}/{report_id}",
        f"{PLACE}/{report_id}/results",
        f"{PLACE}/{report_id}/diff",
        f"{PLACE}/{report_id}/export",
        f"/api/v1/jobs/{job_id}/artifacts",
        f"/api/v1/jobs/{job_id}/artifacts/{RAW.name}",
        "/api/v1/clusters/yard-1/hardening/reports",
    ):
        assert (await foreigner.get(path)).status_code == 404, path


async def test_the_report_of_a_hundred_nodes_is_written_whole(api: Api) -> None:
    admin = await api.admin()
    await admin.post("/api/v1/clusters", json=cluster_body(provision_immediately=False))
    hosts = {f"node-{number:03}": OsType.DEBIAN12 for number in range(100)}
    findings = tuple(
        Finding(
            rule=f"rule_{number}",
            outcome=Outcome.FAIL if number % 7 == 0 else Outcome.PASS,
            title=f"Rule {number}",
            remediation="Mend it. " * 100,
            evidence=f"/etc/file-{number}",
        )
        for number in range(350)
    )
    judgement = hardening_report.judge(
        [HostScan(host=host, scanner=Scanner.OPENSCAP, findings=findings) for host in hosts],
        Grounds(hosts=hosts, catalogue={}),
    )
    job_id = (await admin.post("/api/v1/clusters/yard-1/verify")).json()["job_id"]
    run = Run(job_id, api.cipher)
    await run.claim()

    report_id = await hardening_reports.record(run.job_id, run.attempt, Scan(judgement=judgement))

    last = await admin.get(
        f"{PLACE}/{report_id}/results", params={"outcome": "fail", "search": "rule_343", "page_size": 1000}
    )
    assert last.json()["total"] == 100
    every = (await admin.get(f"{PLACE}/{report_id}/results", params={"page": 35, "page_size": 1000})).json()
    assert (every["total"], len(every["data"]), every["data"][-1]["rule"]) == (35_000, 1000, "rule_349")
    assert every["data"][-1]["remediation"].startswith("Mend it. ")


async def test_what_a_node_sent_is_stored_and_told_as_text(api: Api) -> None:
    admin = await api.admin()
    await admin.post("/api/v1/clusters", json=cluster_body(provision_immediately=False))
    report_id, _ = await scanned(api, admin)

    found = (await admin.get(f"{PLACE}/{report_id}/results", params={"outcome": "fail"})).json()["data"]

    assert {each["title"] for each in found} == {HOSTILE.replace("\x00", "")}
