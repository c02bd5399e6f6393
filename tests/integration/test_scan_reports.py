"""Scans of real supervisors: kept whole at the end of a run, and not at all when it is killed before."""

from __future__ import annotations

import zlib

from engine.domain.hardening import Outcome, Scanner
from engine.domain.statuses import JobStatus
from engine.services import hardening_reports
from engine.store import database, job_artifacts
from engine.store import hardening_reports as rows
from tests.integration import factories
from tests.integration.workplace import FAIL, LONG, QUICK, ended, gone, started_task, supervisor_of

CATALOGUE = """
kubernetes-1.2.9: {title: Limits, disposition: omitted, reason: They stop what they should not.}
kubernetes-1.1.1: {title: Modes}
"""
#: Each host leaves the report of kube-bench, with a secret of the run in it; cp-1 that of Lynis as well.
SCAN = """ansible.builtin.shell: |
        mkdir -p {{ keelyard_output_dir }}/scans/{{ inventory_hostname }}
        cd {{ keelyard_output_dir }}/scans/{{ inventory_hostname }}
        cat >kube-bench.meta.json <<'END'
        {"scanner": "kube-bench", "version": "0.15.6", "profile": "cis-1.12"}
        END
        cat >kube-bench.json <<'END'
        {"Controls": [{"tests": [{"results": [
          {"test_number": "1.1.1", "test_desc": "Modes", "status": "FAIL", "scored": true,
           "actual_value": "--password=CANARY"},
          {"test_number": "1.1.2", "test_desc": "Owners", "status": "PASS", "scored": true},
          {"test_number": "1.2.9", "test_desc": "Limits", "status": "FAIL", "scored": true}]}]}]}
        END
        if [ {{ inventory_hostname }} = cp-1 ]; then
          echo '{"scanner": "lynis", "version": "3.0.8"}' >lynis.meta.json
          printf 'hardening_index=87\\ntests_executed=AUTH-9208|\\n' >lynis-report.dat
        fi""".replace("CANARY", factories.CANARY)


def prepare(workplace, **tasks: str) -> None:
    workplace.playbook(**tasks)
    catalogue = workplace.content / "roles" / "kube_hardening" / "catalogue"
    catalogue.mkdir(parents=True, exist_ok=True)
    (catalogue / "1_control_plane.yml").write_text(CATALOGUE)


async def counted() -> dict[str, int]:
    tables = ("hardening_report", "hardening_rule", "hardening_result", "job_artifact")
    return {table: (await database.fetch(f"SELECT count(*) AS n FROM {table}"))[0]["n"] for table in tables}


async def test_a_run_that_scanned_leaves_a_report_also_when_it_fails(store, workplace):
    """With the files it rests on, and no secret in either."""
    prepare(workplace, first=SCAN, second=FAIL)
    cluster = await factories.cluster()
    workplace.start_worker()

    job = await ended((await factories.job(cluster)).id)

    assert job.status is JobStatus.FAILED
    assert "the disk is full" in job.message
    line = await hardening_reports.latest(cluster.id)
    assert line is not None
    assert (line.job_id, line.score) == (job.id, 50.0)
    kube, lynis = line.scanners
    assert (kube.scanner, kube.hosts, kube.raw_score) == (Scanner.KUBE_BENCH, 2, 33.3)
    assert (lynis.score, [each.host for each in lynis.unavailable]) == (87.0, ["worker-1"])
    found, total = await rows.results(line.id, rows.Filters(host="cp-1"), offset=0, limit=10)
    assert total == 4
    assert [(each.rule, each.outcome, each.reason) for each in found[:3]] == [
        ("1.1.1", Outcome.FAIL, ""),
        ("1.1.2", Outcome.PASS, ""),
        ("1.2.9", Outcome.EXCEPTED, "They stop what they should not."),
    ]
    assert "[redacted]" in found[0].evidence
    artifacts = await job_artifacts.of_job(job.id)
    assert [each.name for each in artifacts] == [
        "cp-1-kube-bench.json",
        "cp-1-lynis-report.dat",
        "worker-1-kube-bench.json",
    ]
    raw = await job_artifacts.get(job.id, "cp-1-kube-bench.json")
    content = zlib.decompress(raw.content)
    assert len(content) == raw.size
    assert b"[redacted]" in content
    assert factories.CANARY.encode() not in content
    everything = str(await database.fetch("SELECT * FROM hardening_result")) + str(found)
    assert factories.CANARY not in everything


async def test_of_a_supervisor_that_is_killed_nothing_is_half_recorded(store, workplace):
    """The next scan of the cluster is."""
    prepare(workplace, first=SCAN, second=LONG)
    cluster = await factories.cluster()
    workplace.start_worker()
    job = await factories.job(cluster)
    await started_task(job.id, "Do second")

    (await supervisor_of(job.id)).kill()

    assert (await ended(job.id)).status is JobStatus.INTERRUPTED
    await gone(job.id)
    assert set((await counted()).values()) == {0}
    prepare(workplace, first=SCAN, second=QUICK)
    after = await ended((await factories.job(cluster)).id)
    assert after.status is JobStatus.SUCCESS, after
    assert (await hardening_reports.latest(cluster.id)).job_id == after.id
    assert await counted() == {
        "hardening_report": 1,
        "hardening_rule": 4,
        "hardening_result": 7,
        "job_artifact": 3,
    }
