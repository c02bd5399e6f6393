"""A job host by host: the recap, the slowest tasks, retries on some nodes, and when it should be through."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from engine.domain.cluster_status import HostResult
from engine.domain.events import EventKind
from engine.domain.statuses import JobStatus, PhaseStatus, Role
from engine.services import runs
from engine.store import database
from tests.contract.harness import Api, Run, cluster_body

HOST = {
    "host",
    "status",
    "ok",
    "changed",
    "failed",
    "unreachable",
    "skipped",
    "rescued",
    "ignored",
    "duration_seconds",
    "phase",
    "task",
    "failure",
    "failed_task",
    "because",
    "last_sequence",
}


async def begun(api: Api) -> tuple[httpx.AsyncClient, Run, str, list[str]]:
    """A running job of two nodes, its player, its path, and its phases."""
    client = await api.admin()
    made = (await client.post("/api/v1/clusters", json=cluster_body())).json()
    path = f"/api/v1/jobs/{made['job']['id']}"
    slugs = [phase["slug"] for phase in (await client.get(path)).json()["phases"]]
    run = Run(made["job"]["id"], api.cipher)
    await run.claim()
    return client, run, path, slugs


async def failed(api: Api) -> tuple[httpx.AsyncClient, str]:
    """A job whose worker ran out of disk in the second phase; the other node went on to the end."""
    client, run, path, slugs = await begun(api)
    await run.tell(
        run.event(EventKind.HOST_CHANGED, host="control-01", task="Write", phase=slugs[1]),
        run.event(EventKind.HOST_FAILED, host="worker-01", task="Write", phase=slugs[1], message="disk full"),
    )
    phases = dict.fromkeys(slugs, PhaseStatus.FAILED) | {slugs[0]: PhaseStatus.SUCCEEDED}
    await run.finish(
        JobStatus.FAILED,
        phases=phases,
        hosts={"worker-01": HostResult(failed=True), "control-01": HostResult()},
    )
    return client, path


async def json_of(client: httpx.AsyncClient, path: str, **params: Any) -> Any:
    answer = await client.get(path, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_hosts_of_a_job_come_in_pages_and_by_status(api: Api) -> None:
    client, path = await failed(api)

    whole = await json_of(client, f"{path}/hosts")
    lost = await json_of(client, f"{path}/hosts", status="failed,unreachable")
    second = await json_of(client, f"{path}/hosts", page=2, page_size=1)

    assert all(set(host) == HOST for host in whole["data"])
    assert [(host["host"], host["status"]) for host in whole["data"]] == [
        ("control-01", "changed"),
        ("worker-01", "failed"),
    ]
    assert (whole["total"], lost["total"], second["total"], second["total_pages"]) == (2, 1, 2, 2)
    assert [host["failure"] for host in lost["data"]] == ["disk full"]
    assert [host["host"] for host in second["data"]] == ["worker-01"]
    wrong = await client.get(f"{path}/hosts", params={"status": "lost"})
    assert [error["field"] for error in wrong.json()["errors"]] == ["status"]
    job = await json_of(client, path)
    assert job["hosts"] == {"total": 2, "failed": 1, "unreachable": 0, "changed": 1}
    assert (await json_of(client, "/api/v1/jobs"))["data"][0]["hosts"] == job["hosts"]


async def test_the_slowest_tasks_are_told_of_the_job_and_of_each_phase(api: Api) -> None:
    client, run, path, slugs = await begun(api)
    await run.tell(
        *[
            run.event(
                EventKind.HOST_OK,
                host="worker-01",
                task=f"Task {number}",
                role="node_prepare",
                phase=slugs[number % 2],
                duration_seconds=float(number),
            )
            for number in range(1, 31)
        ]
    )

    found = await json_of(client, f"{path}/tasks", order="duration")
    one = await json_of(client, f"{path}/tasks", phase=slugs[1])

    assert [task["seconds"] for task in found["data"]] == [float(number) for number in range(30, 20, -1)]
    assert found["data"][0] == {
        "task": "Task 30",
        "role": "node_prepare",
        "phase": slugs[0],
        "host": "worker-01",
        "seconds": 30.0,
        "sequence": 30,
    }
    assert {phase["phase"]: len(phase["data"]) for phase in found["phases"]} == {slugs[0]: 10, slugs[1]: 10}
    assert [phase["phase"] for phase in one["phases"]] == [slugs[1]]
    assert (await client.get(f"{path}/tasks", params={"order": "name"})).status_code == 422


async def test_viewers_read_hosts_and_nobody_else_without_a_token(api: Api) -> None:
    _, path = await failed(api)
    viewer = await api.account(Role.VIEWER)

    for part in ("hosts", "tasks"):
        assert (await viewer.get(f"{path}/{part}")).status_code == 200
        assert (await api.anonymous().get(f"{path}/{part}")).status_code == 401
        unknown = path.rpartition("/")[0] + "/00000000-0000-4000-8000-000000000000"
        assert (await viewer.get(f"{unknown}/{part}")).status_code == 404
    assert (await viewer.post(f"{path}/retry", json={"hosts": ["worker-01"]})).status_code == 403


async def test_a_retry_works_on_what_failed_and_says_what_else_it_needs(api: Api) -> None:
    client, path = await failed(api)

    answer = await client.post(f"{path}/retry")

    assert answer.status_code == 202
    assert answer.json()["hosts"] == [
        {"host": "control-01", "because": "“Prepare hardening of the control plane” cannot do without it"},
        {"host": "worker-01", "because": "failed"},
    ]
    job = await json_of(client, answer.headers["location"])
    assert job["limited_to"] == answer.json()["hosts"]
    hosts = await json_of(client, answer.headers["location"] + "/hosts")
    assert [(host["host"], host["status"]) for host in hosts["data"]] == [
        ("control-01", "pending"),
        ("worker-01", "pending"),
    ]


async def test_a_retry_on_named_nodes_names_unknown_ones_and_remembers_those_it_leaves_out(api: Api) -> None:
    client, path = await failed(api)

    unknown = await client.post(f"{path}/retry", json={"hosts": ["worker-01", "worker-99"]})
    none = await client.post(f"{path}/retry", json={"hosts": []})
    wrong = await client.post(f"{path}/retry", json={"hosts": [7]})
    answer = await client.post(f"{path}/retry", json={"hosts": ["control-01"]})

    assert [error["field"] for error in unknown.json()["errors"]] == ["hosts"]
    assert "worker-99" in unknown.json()["errors"][0]["message"]
    assert (none.status_code, wrong.status_code, answer.status_code) == (422, 422, 202)
    assert [error["field"] for error in wrong.json()["errors"]] == ["hosts.0"]
    job = await json_of(client, answer.headers["location"])
    assert job["left_out"] == ["worker-01"]
    assert [node["host"] for node in job["limited_to"]] == ["control-01"]


async def test_nodes_that_were_left_out_can_be_worked_on_after_a_retry_that_succeeded(api: Api) -> None:
    client, path = await failed(api)
    first = await client.post(f"{path}/retry", json={"hosts": ["control-01"]})
    run = Run(first.json()["job_id"], api.cipher)
    await run.claim()
    await run.finish(JobStatus.SUCCESS, kubeconfig="apiVersion: v1\n")

    answer = await client.post(f"/api/v1/jobs/{first.json()['job_id']}/retry")

    assert answer.status_code == 202, answer.text
    reasons = {node["host"]: node["because"] for node in answer.json()["hosts"]}
    assert reasons["worker-01"] == "left out of the retry before"


async def test_a_retry_on_some_nodes_leaves_every_node_with_the_status_it_has(api: Api) -> None:
    client, path = await failed(api)

    async def nodes() -> dict[str, str]:
        found = await json_of(client, "/api/v1/clusters/yard-1/nodes")
        return {node["name"]: node["status"] for node in found["data"]}

    async def succeed(job_id: str, host: str) -> None:
        run = Run(job_id, api.cipher)
        await run.claim()
        await run.finish(JobStatus.SUCCESS, hosts={host: HostResult()}, kubeconfig="apiVersion: v1\n")

    first = await client.post(f"{path}/retry", json={"hosts": ["control-01"]})
    await succeed(first.json()["job_id"], "control-01")
    partly = await nodes()
    second = await client.post(f"/api/v1/jobs/{first.json()['job_id']}/retry", json={"hosts": ["worker-01"]})
    await succeed(second.json()["job_id"], "worker-01")

    assert partly == {"control-01": "ready", "worker-01": "failed"}
    assert await nodes() == {"control-01": "ready", "worker-01": "ready"}


async def test_a_deprovision_leaves_no_unfinished_node_behind(api: Api) -> None:
    client, run, _, _ = await begun(api)
    await run.finish(JobStatus.SUCCESS, kubeconfig="apiVersion: v1\n")
    made = (await client.delete("/api/v1/clusters/yard-1?deprovision=true")).json()
    removal = Run(made["job_id"], api.cipher)
    await removal.claim()
    await removal.tell(
        removal.event(EventKind.HOST_FAILED, host="worker-01", message="no answer"),
        removal.event(EventKind.HOST_OK, host="control-01"),
    )
    await removal.finish(JobStatus.FAILED)
    path = f"/api/v1/jobs/{made['job_id']}/retry"

    partial = await client.post(path, json={"hosts": ["control-01"]})
    failed_only = await client.post(path, json={"hosts": "failed"})

    assert partial.status_code == 422
    assert "worker-01" in partial.json()["errors"][0]["message"]
    assert failed_only.status_code == 202


@pytest.mark.parametrize("known", [True, False])
async def test_a_running_job_says_when_it_should_be_through_if_that_is_known(api: Api, known: bool) -> None:
    client, run, path, slugs = await begun(api)
    phases = [(slug, slug) for slug in slugs]
    if known:
        await run.finish(JobStatus.SUCCESS, kubeconfig="apiVersion: v1\n")
        await database.fetch(
            "UPDATE phase SET status = 'succeeded', started_at = now(),"
            " finished_at = now() + interval '100 s' WHERE job_id = $1",
            run.job_id,
        )
        again = (await client.post("/api/v1/clusters/yard-1/provision")).json()
        path, run = f"/api/v1/jobs/{again['job_id']}", Run(again["job_id"], api.cipher)
        assert "estimated_finish_at" not in await json_of(client, path)
        await run.claim()
    await runs.begin(run.job_id, phases, frozenset())
    await run.tell(
        run.event(EventKind.PHASE_STARTED, phase=slugs[0]),
        run.event(EventKind.PHASE_FINISHED, phase=slugs[0], data={"status": PhaseStatus.SUCCEEDED}),
    )
    job = await json_of(client, path)

    if known:
        assert 0 < job["estimated_seconds_left"] <= 100 * (len(slugs) - 1)
        assert job["estimate_basis"] == {"kind": "cluster", "runs": 1}
        assert job["estimated_finish_at"] > job["started_at"]
        assert job["progress"] == 100 // len(slugs)
    else:
        assert not {"estimated_finish_at", "estimated_seconds_left", "estimate_basis"} & set(job)
    await run.finish(JobStatus.FAILED)
    assert "estimated_finish_at" not in await json_of(client, path)
