"""Plan and verify over HTTP: started, and what they never touch."""

from __future__ import annotations

import httpx
import pytest

from engine.domain import plans
from engine.domain.plans import Certainty, Diff, Document, Finding, HostPlan, Item
from engine.domain.statuses import JobStatus, Role
from engine.services import clusters, runs
from engine.store import clusters as cluster_rows
from engine.store import database
from engine.store import plans as plan_rows
from tests.contract.harness import Api, Run, cluster_body


@pytest.mark.parametrize("verb", ["plan", "verify"])
async def test_a_look_is_a_job_behind_the_others(api: Api, verb: str) -> None:
    admin = await api.admin()
    created = (await admin.post("/api/v1/clusters", json=cluster_body())).json()

    answer = await admin.post(f"/api/v1/clusters/yard-1/{verb}")

    assert answer.status_code == 202
    assert set(answer.json()) == {"message", "cluster_id", "job_id"}
    assert answer.headers["location"] == f"/api/v1/jobs/{answer.json()['job_id']}"
    job = (await admin.get(answer.headers["location"])).json()
    assert (job["type"], job["status"]) == (verb, "queued")
    assert job["phases"] == [
        {**phase, "status": "pending"}
        for phase in (await admin.get(f"/api/v1/jobs/{created['job']['id']}")).json()["phases"]
    ]


@pytest.mark.parametrize("verb", ["plan", "verify"])
@pytest.mark.parametrize("end", [JobStatus.SUCCESS, JobStatus.FAILED, JobStatus.INTERRUPTED])
async def test_a_look_says_nothing_about_a_clusters_status(api: Api, verb: str, end: JobStatus) -> None:
    admin = await api.admin()
    await admin.post("/api/v1/clusters", json=cluster_body(provision_immediately=False))

    started = (await admin.post(f"/api/v1/clusters/yard-1/{verb}")).json()
    run = Run(started["job_id"], api.cipher)
    await run.claim()
    during = (await admin.get("/api/v1/clusters/yard-1")).json()["status"]
    await run.finish(end, kubeconfig="apiVersion: v1\n")

    assert during == "pending"
    assert (await admin.get("/api/v1/clusters/yard-1")).json()["status"] == "pending"
    nodes = (await admin.get("/api/v1/clusters/yard-1/nodes")).json()["data"]
    assert {node["status"] for node in nodes} == {"pending"}
    assert (await admin.get("/api/v1/clusters/yard-1/kubeconfig")).status_code == 404


async def test_a_failed_job_is_retried_although_somebody_looked_since(api: Api) -> None:
    admin = await api.admin()
    created = (await admin.post("/api/v1/clusters", json=cluster_body())).json()
    provision = Run(created["job"]["id"], api.cipher)
    await provision.claim()
    await provision.finish(JobStatus.FAILED)
    look = Run((await admin.post("/api/v1/clusters/yard-1/plan")).json()["job_id"], api.cipher)
    await look.claim()
    await look.finish(JobStatus.FAILED)

    assert (await admin.get("/api/v1/clusters/yard-1")).json()["status"] == "failed"
    assert (await admin.post(f"/api/v1/jobs/{look.job_id}/retry")).status_code in (201, 202)
    assert (await admin.post(f"/api/v1/jobs/{provision.job_id}/retry")).status_code in (201, 202)


async def test_a_repeated_request_is_one_look(api: Api) -> None:
    admin = await api.admin()
    await admin.post("/api/v1/clusters", json=cluster_body(provision_immediately=False))
    key = {"Idempotency-Key": "look-once"}

    first = await admin.post("/api/v1/clusters/yard-1/plan", headers=key)
    again = await admin.post("/api/v1/clusters/yard-1/plan", headers=key)

    assert first.json() == again.json()


async def planned(api: Api, client: httpx.AsyncClient, verb: str = "plan", **hosts: HostPlan) -> str:
    """A plan or verify job of yard-1 that ended with this document; its id."""
    started = (await client.post(f"/api/v1/clusters/yard-1/{verb}")).json()
    run = Run(started["job_id"], api.cipher)
    await run.claim()
    spec = await cluster_rows.spec(await clusters.find("yard-1"))
    document = Document(spec_hash=plans.spec_hash(spec), hosts=hosts or {"control-01": HostPlan()})
    await run.finish(JobStatus.SUCCESS, plan=document)
    return started["job_id"]


CHANGED = HostPlan(
    items=(
        Item(
            phase="containerd",
            task="Configure containerd",
            what="/etc/containerd/config.toml",
            certainty=Certainty.EXACT,
            diffs=(Diff(title="/etc/containerd/config.toml", before="version = 2\n", after="version = 3\n"),),
        ),
    ),
    findings=(Finding(subject="worker-01", problem="is not Ready: kubelet stopped"),),
    facts={"kernel": "6.1"},
)


async def test_a_plan_is_listed_and_read_whole_or_by_host(api: Api) -> None:
    admin = await api.admin()
    viewer = await api.account(Role.VIEWER)
    await admin.post("/api/v1/clusters", json=cluster_body(provision_immediately=False))
    job_id = await planned(api, admin, **{"control-01": CHANGED, "worker-01": HostPlan()})

    listed = (await viewer.get("/api/v1/clusters/yard-1/plans")).json()
    whole = (await viewer.get(f"/api/v1/jobs/{job_id}/plan")).json()
    part = (await viewer.get(f"/api/v1/jobs/{job_id}/plan", params={"host": "control-01"})).json()

    assert (listed["total"], listed["page"], listed["total_pages"]) == (1, 1, 1)
    assert set(listed["data"][0]) == {"id", "job_id", "kind", "hash", "facts_hash", "created_at", "summary"}
    assert listed["data"][0]["summary"] == {
        "hosts": 2,
        "changed_hosts": 1,
        "changes": 1,
        "exact": 1,
        "declared": 0,
        "unknown": 0,
        "findings": 1,
    }
    assert set(whole["hosts"]) == {"control-01", "worker-01"}
    assert whole["hosts"]["control-01"]["items"][0]["diffs"][0]["after"] == "version = 3\n"
    assert whole["hash"] == listed["data"][0]["hash"]
    assert whole["created_at"].endswith("Z")
    assert set(part["hosts"]) == {"control-01"}
    assert (await viewer.get(f"/api/v1/jobs/{job_id}/plan", params={"host": "nix"})).status_code == 404
    assert (await viewer.get(f"/api/v1/jobs/{job_id}/plan", params={"hots": "x"})).status_code == 422


async def test_a_job_without_a_plan_says_why(api: Api) -> None:
    admin = await api.admin()
    created = (await admin.post("/api/v1/clusters", json=cluster_body())).json()
    waiting = (await admin.post("/api/v1/clusters/yard-1/plan")).json()["job_id"]

    other = await admin.get(f"/api/v1/jobs/{created['job']['id']}/plan")
    queued = await admin.get(f"/api/v1/jobs/{waiting}/plan")

    assert (other.status_code, queued.status_code) == (404, 404)
    assert "only plan and verify jobs make plans" in other.json()["detail"]
    assert "queued" in queued.json()["detail"]
    assert (await admin.get("/api/v1/jobs/nix/plan")).status_code == 404


async def test_a_plan_is_applied_by_its_hash(api: Api) -> None:
    admin = await api.admin()
    await admin.post("/api/v1/clusters", json=cluster_body(provision_immediately=False))
    job_id = await planned(api, admin)
    plan_hash = (await admin.get(f"/api/v1/jobs/{job_id}/plan")).json()["hash"]

    answer = await admin.post("/api/v1/clusters/yard-1/provision", json={"plan_hash": plan_hash})

    assert answer.status_code == 202
    run = Run(answer.json()["job_id"], api.cipher)
    await run.claim()
    assignment = await runs.load(run.job_id, run.attempt, api.cipher)
    assert assignment.plan is not None
    assert plans.plan_hash(assignment.plan) == plan_hash
    entries = (await admin.get("/api/v1/audit-logs", params={"action": "cluster:provision"})).json()["data"]
    assert entries[0]["details"]["plan_hash"] == plan_hash


@pytest.mark.parametrize(
    ("plan_hash", "status"), [("nothex", 422), (5, 422), ("a" * 63, 422), ("a" * 64, 404), ("A" * 64, 422)]
)
async def test_what_names_no_plan_starts_nothing(api: Api, plan_hash: object, status: int) -> None:
    admin = await api.admin()
    await admin.post("/api/v1/clusters", json=cluster_body(provision_immediately=False))

    answer = await admin.post("/api/v1/clusters/yard-1/provision", json={"plan_hash": plan_hash})

    assert answer.status_code == status
    if status == 422:
        assert answer.json()["errors"][0]["field"] == "plan_hash"
    assert (await admin.get("/api/v1/jobs")).json()["total"] == 0


async def test_another_clusters_plan_and_a_plan_of_another_spec_are_not_applied(api: Api) -> None:
    admin = await api.admin()
    for name, network in (("yard-1", "192.0.2"), ("yard-2", "198.51.100")):
        body = cluster_body(name, network=network, provision_immediately=False)
        await admin.post("/api/v1/clusters", json=body)
    job_id = await planned(api, admin)
    plan_hash = (await admin.get(f"/api/v1/jobs/{job_id}/plan")).json()["hash"]

    foreign = await admin.post("/api/v1/clusters/yard-2/provision", json={"plan_hash": plan_hash})
    await database.fetch("UPDATE node SET ip_address = '192.0.2.99' WHERE ip_address = '192.0.2.20'")
    outdated = await admin.post("/api/v1/clusters/yard-1/provision", json={"plan_hash": plan_hash})

    assert (foreign.status_code, outdated.status_code) == (404, 409)
    assert "spec" in outdated.json()["detail"]


async def test_a_verification_is_a_condition_with_its_reason(api: Api) -> None:
    admin = await api.admin()
    await admin.post("/api/v1/clusters", json=cluster_body(provision_immediately=False))

    async def condition() -> dict[str, str]:
        cluster = (await admin.get("/api/v1/clusters/yard-1")).json()
        return next(each for each in cluster["conditions"] if each["type"] == "SpecApplied")

    await planned(api, admin, "verify", **{"control-01": CHANGED})
    drifted = await condition()
    await planned(api, admin, "verify")
    mended = await condition()

    assert (drifted["status"], drifted["reason"]) == ("False", "Drift")
    assert "control-01: Configure containerd" in drifted["message"]
    assert "worker-01 is not Ready" in drifted["message"]
    assert (mended["status"], mended["reason"]) == ("True", "Verified")
    assert mended["last_transition_time"] > drifted["last_transition_time"]


async def test_only_the_newest_plans_of_a_cluster_are_kept(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_rows, "KEPT", 2)
    admin = await api.admin()
    await admin.post("/api/v1/clusters", json=cluster_body(provision_immediately=False))

    made = [await planned(api, admin) for _ in range(3)]

    listed = (await admin.get("/api/v1/clusters/yard-1/plans")).json()
    assert [line["job_id"] for line in listed["data"]] == [made[2], made[1]]


@pytest.mark.parametrize("reason", sorted(plans.REFUSALS))
async def test_a_plan_that_was_refused_says_nothing_about_the_cluster(api: Api, reason: str) -> None:
    admin = await api.admin()
    created = (await admin.post("/api/v1/clusters", json=cluster_body())).json()
    provision = Run(created["job"]["id"], api.cipher)
    await provision.claim()
    await provision.finish(JobStatus.SUCCESS, kubeconfig="apiVersion: v1\n")
    before = (await admin.get("/api/v1/clusters/yard-1")).json()
    job_id = await planned(api, admin)
    plan_hash = (await admin.get(f"/api/v1/jobs/{job_id}/plan")).json()["hash"]

    asked = (await admin.post("/api/v1/clusters/yard-1/provision", json={"plan_hash": plan_hash})).json()
    refused = Run(asked["job_id"], api.cipher)
    await refused.claim()
    await refused.finish(JobStatus.FAILED, reason=reason, message="control-01: something changed")

    after = (await admin.get("/api/v1/clusters/yard-1")).json()
    assert (after["status"], after["conditions"]) == ("running", before["conditions"])
    retry = (await admin.post(f"/api/v1/jobs/{asked['job_id']}/retry")).json()
    again = Run(retry["job_id"], api.cipher)
    await again.claim()
    assert (await runs.load(again.job_id, again.attempt, api.cipher)).plan is not None
