"""Hardening over HTTP: its settings, the catalogue of items, and the jobs that carry it out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from engine.domain import hardening_report
from engine.domain.hardening import Outcome
from engine.domain.statuses import JobStatus, PhaseStatus, Role
from engine.services import clusters, hardening_reports
from tests.contract.hardening import GROUNDS, lay_content, scans
from tests.contract.harness import Api, Run, cluster_body

HARDENING = "/api/v1/clusters/yard-1/hardening"
ITEMS = "/api/v1/hardening/items"
VERBS = ("harden", "scan", "rotate-encryption-key")
LINUX = {"enable_cis_linux_benchmark": True}
REASON = "Agreed with the owner until the move."
OFF: dict[str, Any] = {
    "enable_cis_k8s_benchmark": False,
    "enable_cis_linux_benchmark": False,
    "level": 2,
    "exceptions": [],
    "default_deny_network_policies": False,
}


@pytest.fixture(autouse=True)
def _own_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Playbooks and a catalogue of five items, so that the tests know what is in them."""
    lay_content(tmp_path)
    monkeypatch.setenv("KEELYARD_CONTENT", str(tmp_path))


async def made(client: httpx.AsyncClient, **hardening: Any) -> str:
    """A cluster of nodes with Rocky 9 that no job has touched; its id."""
    body = cluster_body(provision_immediately=False, hardening=OFF | hardening)
    for node in body["nodes"]:
        node["os_type"] = "rocky9"
    answer = await client.post("/api/v1/clusters", json=body)
    assert answer.status_code == 201, answer.text
    identity: str = answer.json()["cluster"]["id"]
    return identity


async def played(client: httpx.AsyncClient, api: Api, verb: str, end: JobStatus = JobStatus.SUCCESS) -> Run:
    """A job of the cluster that has ended."""
    started = await client.post(f"/api/v1/clusters/yard-1/{verb}")
    assert started.status_code == 202, started.text
    run = Run(started.json()["job_id"], api.cipher)
    await run.claim()
    await run.finish(end, kubeconfig="apiVersion: v1\n" if verb == "provision" else None)
    return run


async def condition(client: httpx.AsyncClient, kind: str = "NodesHardened") -> tuple[str, str] | None:
    """Status and reason."""
    found = (await client.get("/api/v1/clusters/yard-1")).json()["conditions"]
    return next(((one["status"], one["reason"]) for one in found if one["type"] == kind), None)


async def test_what_is_asked_for_is_told_with_everything_that_is_not_as_written(api: Api) -> None:
    admin, viewer = await api.admin(), await api.account(Role.VIEWER)
    exceptions = [{"id": "linux-1.1.1.1", "reason": REASON}]
    identity = await made(admin, **LINUX, level=1, exceptions=exceptions)

    answer = await viewer.get(HARDENING)

    assert answer.status_code == 200
    told = answer.json()
    assert {name: told[name] for name in OFF} == OFF | LINUX | {"level": 1, "exceptions": exceptions}
    assert (told["cluster_id"], told["latest"]) == (identity, None)
    # The benchmark of its nodes' system has one of the items of Linux only.
    assert told["adapted"] == [
        {
            "id": "linux-1.1.1.1",
            "title": "Old file systems",
            "level": 1,
            "by": "cluster",
            "disposition": "applied",
            "reason": REASON,
        }
    ]


async def test_a_lab_cluster_has_reasons_of_its_own(api: Api) -> None:
    admin = await api.admin()
    body = cluster_body(provision_immediately=False, lab=True)
    for node in body["nodes"]:
        node["os_type"] = "debian12"
    assert (await admin.post("/api/v1/clusters", json=body)).status_code == 201

    adapted = (await admin.get(HARDENING)).json()["adapted"]

    assert [(one["id"], one["by"], one["reason"]) for one in adapted] == [
        ("linux-3.3.1", "product", "Pods need it."),
        ("linux-5.1.20", "product", "By key."),
        ("linux-5.1.20", "lab", "No console."),
    ]


async def test_settings_are_changed_one_by_one_and_audited(api: Api) -> None:
    admin = await api.admin()
    await made(admin)
    exceptions = [
        {"id": "linux-1.1.1.1", "reason": REASON},
        {"id": "lynis-AUTH-9286", "reason": "Keys only."},
    ]

    on = await admin.patch(HARDENING, json=LINUX | {"exceptions": exceptions})
    level = await admin.patch(HARDENING, json={"level": 1}, headers={"X-Request-ID": "level"})
    fewer = await admin.patch(
        HARDENING, json={"exceptions": exceptions[:1]}, headers={"X-Request-ID": "fewer"}
    )
    nothing = await admin.patch(HARDENING, json={})

    assert [answer.status_code for answer in (on, level, fewer, nothing)] == [200] * 4
    assert nothing.json() == (await admin.get(HARDENING)).json()
    assert {name: nothing.json()[name] for name in OFF} == OFF | LINUX | {
        "level": 1,
        "exceptions": exceptions[:1],
    }
    spec = (await admin.get("/api/v1/clusters/yard-1/spec")).json()
    assert spec["hardening"] == OFF | LINUX | {"level": 1, "exceptions": exceptions[:1]}
    entries = (await admin.get("/api/v1/audit-logs", params={"action": "cluster:set-hardening"})).json()[
        "data"
    ]
    assert [entry["details"]["changed"] for entry in entries] == [
        {},
        {"exceptions_removed": ["lynis-AUTH-9286"]},
        {"level": {"from": 2, "to": 1}},
        {
            "enable_cis_linux_benchmark": {"from": False, "to": True},
            "exceptions_put": {one["id"]: one["reason"] for one in exceptions},
        },
    ]


async def test_what_does_not_fit_is_refused_by_name_and_changes_nothing(api: Api) -> None:
    admin = await api.admin()
    await made(admin, **LINUX, exceptions=[{"id": "linux-5.1.20", "reason": REASON}])
    before = (await admin.get(HARDENING)).json()
    cases: list[tuple[dict[str, Any], list[str]]] = [
        ({"level": 3}, ["hardening.level"]),
        ({"level": None}, ["level"]),
        ({"levels": 1}, ["levels"]),
        ({"exceptions": [{"id": "linux-1.1.1.1"}]}, ["exceptions.0.reason"]),
        ({"exceptions": [{"id": "linux-1.1.1", "reason": "x"}]}, ["hardening.exceptions.0.id"]),
        ({"exceptions": [{"id": "linux-1.1.1.1", "reason": ""}]}, ["hardening.exceptions.0.reason"]),
        ({"exceptions": [{"id": "linux-1.1.1.1", "reason": "x" * 501}]}, ["hardening.exceptions.0.reason"]),
        ({"exceptions": [{"id": "linux-1.1.1.1", "reason": "x"}] * 2}, ["hardening.exceptions.1.id"]),
        ({"exceptions": [{"id": "kubernetes-1.2.1", "reason": "x"}]}, ["hardening.exceptions.0.id"]),
        ({"default_deny_network_policies": True}, ["hardening.default_deny_network_policies"]),
        ({"enable_cis_linux_benchmark": False}, ["hardening.exceptions.0.id"]),
    ]

    for change, fields in cases:
        answer = await admin.patch(HARDENING, json=change)

        assert answer.status_code == 422, (change, answer.text)
        assert [error["field"] for error in answer.json()["errors"]] == fields, change
    assert (await admin.get(HARDENING)).json() == before


async def test_the_nearest_id_is_offered(api: Api) -> None:
    admin = await api.admin()
    body = cluster_body(hardening=LINUX | {"exceptions": [{"id": "5.1.20", "reason": "x"}]})

    answer = await admin.post("/api/v1/clusters", json=body)

    (error,) = answer.json()["errors"]
    assert error["field"] == "hardening.exceptions.0.id"
    assert error["message"].endswith("did you mean linux-5.1.20?")


async def test_settings_stay_while_a_job_goes_by_them(api: Api) -> None:
    admin = await api.admin()
    await made(admin)
    started = (await admin.post("/api/v1/clusters/yard-1/verify")).json()

    answer = await admin.patch(HARDENING, json=LINUX)
    await admin.post(f"/api/v1/jobs/{started['job_id']}/cancel")
    later = await admin.patch(HARDENING, json=LINUX)

    assert (answer.status_code, later.status_code) == (409, 200)
    assert started["job_id"] in answer.json()["detail"]


async def test_a_template_carries_exceptions_to_its_clusters(api: Api) -> None:
    admin = await api.admin()
    hardening = LINUX | {"level": 1, "exceptions": [{"id": "linux-1.1.1.1", "reason": REASON}]}
    template = await admin.post("/api/v1/templates", json={"name": "hard", "hardening": hardening})
    assert template.json()["hardening"] == dict.fromkeys(OFF) | hardening

    body = cluster_body(
        provision_immediately=False, template_id=template.json()["id"], hardening={"level": 2}
    )
    await admin.post("/api/v1/clusters", json=body)

    told = (await admin.get(HARDENING)).json()
    assert {name: told[name] for name in OFF} == OFF | hardening | {"level": 2}


async def test_there_is_nothing_to_do_before_a_cluster_is_provisioned(api: Api) -> None:
    admin = await api.admin()
    await made(admin, **LINUX, enable_cis_k8s_benchmark=True)

    for verb in VERBS:
        answer = await admin.post(f"/api/v1/clusters/yard-1/{verb}")

        assert answer.status_code == 409
        assert "not provisioned" in answer.json()["detail"]


async def test_jobs_of_hardening_need_what_they_work_on_to_be_switched_on(api: Api) -> None:
    admin = await api.admin()
    await made(admin)
    await played(admin, api, "provision")

    harden = await admin.post("/api/v1/clusters/yard-1/harden")
    rotate = await admin.post("/api/v1/clusters/yard-1/rotate-encryption-key")
    scan = await admin.post("/api/v1/clusters/yard-1/scan")

    assert (harden.status_code, rotate.status_code, scan.status_code) == (409, 409, 202)
    assert (await admin.get("/api/v1/jobs")).json()["total"] == 2

    await admin.post(f"/api/v1/jobs/{scan.json()['job_id']}/cancel")
    for wanted in (True, False):
        await admin.patch(HARDENING, json={"enable_cis_k8s_benchmark": wanted})
    later = await admin.post("/api/v1/clusters/yard-1/rotate-encryption-key")
    assert later.status_code == 202  # what was on for a while may have left a key


async def test_jobs_of_hardening_have_phases_of_their_own_and_leave_the_status(api: Api) -> None:
    admin = await api.admin()
    await made(admin, **LINUX, enable_cis_k8s_benchmark=True)
    await played(admin, api, "provision")
    for verb in VERBS:
        await _fails_and_is_retried(admin, api, verb)


async def _fails_and_is_retried(admin: httpx.AsyncClient, api: Api, verb: str) -> None:
    key = {"Idempotency-Key": verb}

    answer = await admin.post(f"/api/v1/clusters/yard-1/{verb}", headers=key)
    again = await admin.post(f"/api/v1/clusters/yard-1/{verb}", headers=key)
    run = Run(answer.json()["job_id"], api.cipher)
    await run.claim()
    during = (await admin.get("/api/v1/clusters/yard-1")).json()["status"]
    await run.finish(JobStatus.FAILED)

    assert (answer.status_code, answer.json()) == (202, again.json())
    job = (await admin.get(answer.headers["location"])).json()
    assert (job["type"], job["status"]) == (verb, "failed")
    assert [phase["slug"] for phase in job["phases"]] == [f"do-{verb}", "look"]
    assert (during, (await admin.get("/api/v1/clusters/yard-1")).json()["status"]) == ("running", "running")
    nodes = (await admin.get("/api/v1/clusters/yard-1/nodes")).json()["data"]
    assert {node["status"] for node in nodes} == {"pending"}  # as the run of this test left them
    retried = await admin.post(f"/api/v1/jobs/{run.job_id}/retry", json={"hosts": "all"})
    assert retried.status_code == 202, retried.text
    await admin.post(f"/api/v1/jobs/{retried.json()['job_id']}/cancel")


async def test_conditions_follow_settings_and_jobs(api: Api) -> None:
    admin = await api.admin()
    await made(admin)
    await played(admin, api, "provision")
    assert await condition(admin) is None

    await admin.patch(HARDENING, json=LINUX)
    assert await condition(admin) == ("Unknown", "SettingsChanged")
    assert await condition(admin, "SpecApplied") == ("Unknown", "SettingsChanged")

    await played(admin, api, "harden", JobStatus.FAILED)
    assert await condition(admin) == ("Unknown", "NotFinished")
    await played(admin, api, "harden")
    assert await condition(admin) == ("True", "Applied")
    assert await condition(admin, "SpecApplied") == ("True", "Applied")

    await admin.patch(HARDENING, json={"enable_cis_linux_benchmark": False})
    assert await condition(admin) == ("False", "NotWanted")
    overview = (await admin.get("/api/v1/overview")).json()
    assert "NodesHardened" not in str(overview)


async def test_what_scanners_found_is_the_last_word(api: Api) -> None:
    admin = await api.admin()
    await made(admin, **LINUX)
    await played(admin, api, "provision")
    for found, expected in (
        (None, ("True", "Applied")),
        (scans(banner=Outcome.FAIL), ("False", "ItemsFail")),
        (scans(banner=Outcome.PASS, forwarding=Outcome.FAIL), ("True", "Scanned")),
    ):
        started = (await admin.post("/api/v1/clusters/yard-1/scan")).json()
        run = Run(started["job_id"], api.cipher)
        await run.claim()
        if found is not None:
            scan = hardening_reports.Scan(judgement=hardening_report.judge(found, GROUNDS), files=())
            await hardening_reports.record(run.job_id, run.attempt, scan)
        await run.finish(JobStatus.SUCCESS)
        assert await condition(admin) == expected
    assert (await admin.get(HARDENING)).json()["latest"]["job_id"] == started["job_id"]


async def test_a_retry_with_other_settings_begins_at_the_beginning(api: Api) -> None:
    admin = await api.admin()
    await made(admin, **LINUX)
    await played(admin, api, "provision")
    for change, expected in ((None, ["skipped", "pending"]), ({"level": 1}, ["pending", "pending"])):
        started = (await admin.post("/api/v1/clusters/yard-1/harden")).json()
        run = Run(started["job_id"], api.cipher)
        await run.claim()
        phases = {"do-harden": PhaseStatus.SUCCEEDED, "look": PhaseStatus.FAILED}
        await run.finish(JobStatus.FAILED, phases=phases)
        if change:
            assert (await admin.patch(HARDENING, json=change)).status_code == 200
        retried = await admin.post(f"/api/v1/jobs/{run.job_id}/retry", json={"hosts": "all"})
        job_id = retried.json()["job_id"]
        phases_now = (await admin.get(f"/api/v1/jobs/{job_id}")).json()["phases"]
        assert [phase["status"] for phase in phases_now] == expected
        await admin.post(f"/api/v1/jobs/{job_id}/cancel")


async def test_a_scan_can_be_scheduled_and_is_refused_while_there_is_nothing_to_scan(api: Api) -> None:
    admin = await api.admin()
    await made(admin)
    body = {"name": "nightly", "cluster_id": "yard-1", "job_type": "scan", "cron": "0 3 * * *"}
    schedule = await admin.post("/api/v1/schedules", json=body)
    assert schedule.status_code == 201, schedule.text

    early = await admin.post(f"/api/v1/schedules/{schedule.json()['id']}/run")
    await played(admin, api, "provision")
    later = await admin.post(f"/api/v1/schedules/{schedule.json()['id']}/run")

    assert (early.status_code, later.status_code) == (409, 202)


async def test_items_are_listed_filtered_and_found(api: Api) -> None:
    viewer = await api.account(Role.VIEWER)

    async def listed(**asked: Any) -> list[str]:
        answer = await viewer.get(ITEMS, params=asked)
        assert answer.status_code == 200, answer.text
        return [item["id"] for item in answer.json()["data"]]

    everything = await listed()
    assert everything == [
        "kubernetes-1.2.1",
        "linux-1.1.1.1",
        "linux-3.3.1",
        "linux-5.1.20",
        "linux-7.1.6",
        "lynis-AUTH-9286",
    ]
    assert await listed(page=2, page_size=2) == everything[2:4]
    assert await listed(benchmark="kubernetes") == everything[:1]
    assert await listed(os_type="rocky9") == ["kubernetes-1.2.1", "linux-1.1.1.1", "lynis-AUTH-9286"]
    assert await listed(disposition="omitted") == ["linux-3.3.1"]
    assert await listed(disposition="adapted", os_type="debian12") == ["linux-5.1.20"]
    assert await listed(disposition="adapted", os_type="debian13") == ["linux-7.1.6"]
    assert await listed(disposition="applied", os_type="debian12", search="backups") == ["linux-7.1.6"]
    assert await listed(search="ROOT") == ["linux-5.1.20"]
    assert await listed(search="1.1.1.2") == ["linux-1.1.1.1"]
    item = (await viewer.get(ITEMS, params={"search": "old file"})).json()["data"][0]
    assert item == {
        "id": "linux-1.1.1.1",
        "benchmark": "linux",
        "number": "1.1.1.1",
        "title": "Old file systems",
        "level": 1,
        "disposition": "applied",
        "reason": "",
        "lab": "",
        "only_on": [],
        "levels": {},
        "numbers": {"debian12": "1.1.1.1", "rocky9": "1.1.1.2"},
    }
    item = (await viewer.get(ITEMS, params={"search": "backups"})).json()["data"][0]
    assert (item["level"], item["levels"], item["only_on"]) == (1, {"debian13": 2}, ["debian13"])
    assert (await viewer.get(ITEMS, params={"benchmark": "cis"})).status_code == 422


async def test_the_settings_of_a_deleted_cluster_stay_to_be_read(api: Api) -> None:
    admin = await api.admin()
    identity = await made(admin, **LINUX)
    await admin.delete("/api/v1/clusters/yard-1")

    by_id = f"/api/v1/clusters/{identity}/hardening"
    assert (await admin.get(by_id)).json()["enable_cis_linux_benchmark"] is True
    assert (await admin.patch(by_id, json={"level": 1})).status_code == 404
    assert (await clusters.find(identity)).spec.hardening.level == 2
