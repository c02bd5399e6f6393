"""The overview: what wants somebody, what runs, how much of everything there is, of the caller's tenants."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from engine.domain.cluster_status import Certificate, HostResult
from engine.domain.events import EventKind
from engine.domain.statuses import JobStatus, PhaseStatus, Role
from engine.services import audit_log, runs, saved_state, schedule_firing
from engine.services.identity import Caller
from engine.store import database
from tests.contract.harness import Api, Run, cluster_body
from tests.contract.test_tenants import make, member
from tests.contract.test_workers import lose, register

OVERVIEW = "/api/v1/overview"
MEMBERS = {
    "at",
    "attention",
    "attention_count",
    "running",
    "running_count",
    "queued_count",
    "clusters",
    "clusters_count",
    "nodes",
    "nodes_count",
    "workers",
}


async def look(client: httpx.AsyncClient) -> dict[str, Any]:
    answer = await client.get(OVERVIEW)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def wants(client: httpx.AsyncClient, kind: str = "") -> list[dict[str, Any]]:
    """What wants somebody, of a kind or at all."""
    return [item for item in (await look(client))["attention"] if kind in ("", item["kind"])]


async def begun(api: Api, client: httpx.AsyncClient, name: str = "yard-1", network: str = "192.0.2") -> Run:
    """A new cluster's provision job, begun."""
    made = await client.post("/api/v1/clusters", json=cluster_body(name, network=network))
    assert made.status_code == 201, made.text
    run = Run(made.json()["job"]["id"], api.cipher)
    await run.claim()
    return run


async def well(api: Api, client: httpx.AsyncClient, **result: Any) -> str:
    """The id of a cluster that runs."""
    run = await begun(api, client)
    await run.finish(JobStatus.SUCCESS, kubeconfig="kind: Config", hosts={"c": HostResult()}, **result)
    [cluster] = (await client.get("/api/v1/clusters")).json()["data"]
    assert cluster["status"] == "running"
    found: str = cluster["id"]
    return found


async def missed(client: httpx.AsyncClient, cluster: str) -> str:
    """The id of a schedule that missed three due times, the last of them half a day ago."""
    hour = (datetime.now(UTC).hour + 12) % 24
    body = {"name": "nightly", "cluster_id": cluster, "job_type": "verify", "cron": f"0 {hour} * * *"}
    made = (await client.post("/api/v1/schedules", json=body)).json()
    await database.fetch("UPDATE schedule SET next_run_at = next_run_at - interval '3 days'")
    assert await schedule_firing.fire_next()
    found: str = made["id"]
    return found


async def test_an_empty_yard_wants_nothing(api: Api) -> None:
    seen = await look(await api.account(Role.VIEWER))

    assert set(seen) == MEMBERS
    assert (seen["attention"], seen["running"], seen["workers"]) == ([], [], [])
    assert (seen["clusters"], seen["nodes"], seen["queued_count"]) == ({}, {}, 0)


async def test_a_job_is_seen_waiting_then_running_with_its_phase(api: Api) -> None:
    admin = await api.admin()
    await register("a")
    await admin.post("/api/v1/clusters", json=cluster_body("yard-2", network="198.51.100"))
    run = await begun(api, admin)
    await run.tell(run.event(EventKind.PHASE_STARTED, phase="preflight"))
    done = run.event(EventKind.PHASE_FINISHED, phase="preflight", data={"status": "succeeded"})
    await run.tell(done, run.event(EventKind.PHASE_STARTED, phase="join"))

    seen = await look(admin)

    assert (seen["queued_count"], seen["running_count"], seen["attention"]) == (1, 1, [])
    assert (seen["clusters"], seen["clusters_count"]) == ({"pending": 1, "provisioning": 1}, 2)
    assert (seen["nodes"], seen["nodes_count"]) == ({"pending": 2, "provisioning": 2}, 4)
    [job] = seen["running"]
    phases = len((await admin.get(f"/api/v1/jobs/{run.job_id}")).json()["phases"])
    assert job.pop("started_at")
    assert job.pop("cluster_id")
    assert job == {
        "id": str(run.job_id),
        "type": "provision",
        "cluster_name": "yard-1",
        "phase": "Join the workers",
        "phases_done": 1,
        "phases": phases,
        "progress": 100 // phases,
        "estimated_finish_at": None,
    }
    assert seen["workers"] == [{"name": "a", "state": "ready", "jobs": 0, "forks": 8, "forks_used": 0}]


async def test_a_failed_job_wants_somebody_until_a_later_one_succeeds(api: Api) -> None:
    admin, viewer = await api.admin(), await api.account(Role.VIEWER)
    run = await begun(api, admin)
    await run.tell(run.event(EventKind.PHASE_STARTED, phase="join"))
    lost = run.event(EventKind.HOST_FAILED, phase="join", host="worker-01", task="Join", message="no route")
    await run.tell(lost)
    await run.finish(JobStatus.FAILED, message="worker-01: no\nroute", phases={"join": PhaseStatus.FAILED})

    [item] = await wants(admin)
    assert item.pop("since")
    assert item == {
        "id": f"job/{run.job_id}",
        "kind": "job",
        "severity": "critical",
        "what": "provision",
        "subject": {"noun": "jobs", "id": str(run.job_id), "name": "yard-1"},
        "message": 'failed in "Join the workers" on worker-01: worker-01: no route',
        "action": "retry",
    }
    assert [item["action"] for item in await wants(viewer)] == [None]

    again = (await admin.post(f"/api/v1/jobs/{run.job_id}/retry")).json()["job_id"]
    [item] = await wants(admin, "job")
    assert item["message"].startswith("is being tried again; failed in")
    assert item["action"] is None

    second = Run(again, api.cipher)
    await second.claim()
    await second.finish(JobStatus.INTERRUPTED, reason="interrupted")
    assert [item["id"] for item in await wants(admin)] == [f"job/{again}"]

    third = Run((await admin.post(f"/api/v1/jobs/{again}/retry")).json()["job_id"], api.cipher)
    await third.claim()
    await third.finish(JobStatus.SUCCESS, kubeconfig="kind: Config", hosts={"c": HostResult()})
    assert await wants(admin) == []


async def test_a_failed_cluster_wants_somebody_after_its_job_is_old_and_when_it_was_cancelled(
    api: Api,
) -> None:
    admin = await api.admin()
    run = await begun(api, admin)
    await run.finish(JobStatus.FAILED, message="no")
    await database.fetch("UPDATE job SET finished_at = now() - interval '25 h'")
    other = await begun(api, admin, "yard-2", "198.51.100")
    await other.finish(JobStatus.CANCELLED, reason="Cancelled by ana.")

    told = {item["subject"]["name"]: (item["kind"], item["message"]) for item in await wants(admin)}

    assert told == {
        "yard-1": ("cluster", "failed: its last provision job was not successful"),
        "yard-2": ("cluster", "failed: its last provision job was cancelled"),
    }


async def test_nodes_that_do_not_answer_are_told_of_a_running_cluster(api: Api) -> None:
    admin = await api.admin()
    cluster = await well(api, admin)
    assert await wants(admin) == []
    verify = Run((await admin.post(f"/api/v1/clusters/{cluster}/verify")).json()["job_id"], api.cipher)
    await verify.claim()
    await verify.finish(
        JobStatus.FAILED, message="worker-01 is silent", hosts={"worker-01": HostResult(unreachable=True)}
    )

    [condition] = await wants(admin, "condition")

    assert condition["id"] == f"condition/{cluster}/NodesReachable"
    assert (condition["severity"], condition["what"]) == ("critical", "NodesReachable")
    assert (condition["message"], condition["action"]) == ("No answer from worker-01.", "verify")
    assert condition["subject"] == {"noun": "clusters", "id": cluster, "name": "yard-1"}
    [job] = await wants(admin, "job")
    assert job["what"] == "verify"


async def test_certificates_are_told_thirty_days_before_they_expire_though_nobody_looks_again(
    api: Api,
) -> None:
    admin = await api.admin()
    soon = datetime.now(UTC) + timedelta(days=21, hours=1)
    certificates = (
        Certificate(name="ca", expires_at=soon + timedelta(days=3000)),
        Certificate(name="apiserver", expires_at=soon),
    )
    report = runs.NodeReport(machine_id="m1", certificates=certificates)
    cluster = await well(api, admin, reports={"control-01": report, "worker-01": runs.NodeReport()})

    [item] = await wants(admin)
    first = f"First to expire: apiserver on control-01, {soon:%Y-%m-%d}."
    assert (item["kind"], item["severity"]) == ("certificates", "warning")
    assert item["message"] == f"expire in 21 days. {first}"

    # The same, seen as it was long ago: valid then.
    await database.fetch(
        """UPDATE cluster SET conditions = (SELECT jsonb_agg(CASE WHEN c->>'type' = 'CertificatesValid'
           THEN c || '{"status": "True", "reason": "Verified"}' ELSE c END)
           FROM jsonb_array_elements(conditions) c)"""
    )
    [again] = await wants(admin)
    assert again["message"] == item["message"]
    shown = (await admin.get(f"/api/v1/clusters/{cluster}")).json()["conditions"]
    [condition] = [each for each in shown if each["type"] == "CertificatesValid"]
    assert (condition["status"], condition["reason"], condition["message"]) == ("False", "ExpiresSoon", first)


async def test_workers_that_are_lost_or_drained_and_jobs_that_wait_for_any(api: Api) -> None:
    operator = await api.account(Role.OPERATOR)
    for name in ("a", "b"):
        await register(name)
    await lose("a")
    await operator.post("/api/v1/workers/b/drain")
    await operator.post("/api/v1/clusters", json=cluster_body())

    told = [(item["id"], item["severity"], item["action"]) for item in await wants(operator)]

    assert told == [
        ("queue", "critical", None),
        ("worker/a", "warning", None),
        ("worker/b", "notice", "resume"),
    ]
    await operator.post("/api/v1/workers/b/resume")
    assert [item["id"] for item in await wants(operator)] == ["worker/a"]


async def test_a_missed_due_time_wants_somebody_until_one_is_served(api: Api) -> None:
    admin = await api.admin()
    cluster = await well(api, admin)
    made = await missed(admin, cluster)

    [item] = await wants(admin, "schedule")
    assert item["subject"] == {"noun": "schedules", "id": made, "name": "nightly"}
    assert item["message"] == "missed its last 3 due times for yard-1: No worker was up."

    await database.fetch("UPDATE schedule SET next_run_at = now() - interval '1 s'")
    assert await schedule_firing.fire_next()
    assert await wants(admin, "schedule") == []


async def test_notices_that_were_given_up_are_told_to_those_who_may_see_channels(api: Api) -> None:
    admin, viewer = await api.admin(), await api.account(Role.VIEWER)
    hook = {"name": "pager", "kind": "webhook", "url": "https://hooks.example.com/1"}
    channel = (await admin.post("/api/v1/notification-channels", json=hook)).json()["id"]
    path = f"/api/v1/notification-channels/{channel}/test"
    for _ in range(2):
        await admin.post(path)
    await database.fetch("UPDATE notification_delivery SET status = 'dead'")

    [item] = await wants(admin)
    assert item["subject"] == {"noun": "notification-channels", "id": channel, "name": "pager"}
    assert item["message"] == "2 notices could not be delivered"
    assert await wants(viewer) == []

    delivery = (await admin.post(path)).json()["delivery_id"]
    await database.fetch("UPDATE notification_delivery SET status = 'delivered' WHERE id = $1", delivery)
    assert await wants(admin) == []


async def test_administrators_are_told_of_a_state_that_nobody_has_saved(api: Api) -> None:
    admin, operator = await api.admin(), await api.account(Role.OPERATOR)
    await well(api, admin)
    assert await wants(admin) == []
    await database.fetch("UPDATE cluster SET created_at = now() - interval '9 days 1 h'")

    [item] = await wants(admin)
    assert item["kind"] == "backup"
    assert item["message"].startswith(
        "no backup of Keelyard's own state for 9 days, or ever: `keelyard backup"
    )
    assert await wants(operator) == []

    await audit_log.record(Caller(), saved_state.BACKUP, audit_log.Resource("state", name="keelyard.backup"))
    assert await wants(admin) == []


async def test_what_another_tenant_has_does_not_count(api: Api) -> None:
    admin = await api.admin()
    await make(admin, slug="acme")
    foreigner = await member(api, admin, "acme")
    insider = await api.account(Role.OPERATOR)
    await register("a")
    hook = {"name": "pager", "kind": "webhook", "url": "https://hooks.example.com/1"}
    channel = (await insider.post("/api/v1/notification-channels", json=hook)).json()["id"]
    await insider.post(f"/api/v1/notification-channels/{channel}/test")
    await database.fetch("UPDATE notification_delivery SET status = 'dead'")
    cluster = await well(api, insider)
    await missed(insider, cluster)
    silent = Run((await insider.post(f"/api/v1/clusters/{cluster}/verify")).json()["job_id"], api.cipher)
    await silent.claim()
    await silent.finish(JobStatus.FAILED, hosts={"c": HostResult(unreachable=True)})
    await begun(api, insider, "yard-2", "198.51.100")
    await insider.post("/api/v1/clusters", json=cluster_body("yard-3", network="203.0.113"))

    mine, theirs = await look(insider), await look(foreigner)

    assert {item["kind"] for item in mine["attention"]} == {"job", "condition", "schedule", "notifications"}
    assert (mine["clusters_count"], mine["running_count"], mine["queued_count"]) == (3, 1, 1)
    assert theirs["workers"] == mine["workers"]  # nobody's
    assert theirs | {"at": None, "workers": None} == {
        "at": None,
        "attention": [],
        "attention_count": 0,
        "running": [],
        "running_count": 0,
        "queued_count": 0,
        "clusters": {},
        "clusters_count": 0,
        "nodes": {},
        "nodes_count": 0,
        "workers": None,
    }
