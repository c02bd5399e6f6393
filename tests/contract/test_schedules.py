"""Schedules over HTTP: what is taken, what is refused and by which field, and what the answers show."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import httpx
import pytest

from engine.domain.statuses import Role
from engine.services import schedule_firing
from engine.store import database
from tests.contract.harness import Api, cluster_body

MEMBERS = {
    "id",
    "name",
    "cluster_id",
    "cluster_name",
    "job_type",
    "cron",
    "time_zone",
    "enabled",
    "missed_run_policy",
    "parameters",
    "created_by",
    "created_at",
    "updated_at",
    "last_run",
    "next_run",
    "preview",
}
RUN_MEMBERS = {
    "id",
    "trigger",
    "due_at",
    "last_due_at",
    "due_count",
    "outcome",
    "reason",
    "message",
    "job_id",
    "recorded_at",
}


def body(**changes: Any) -> dict[str, Any]:
    return {
        "name": "nightly",
        "cluster_id": "yard-1",
        "job_type": "provision",
        "cron": "0 12 * * *",
        "time_zone": "Europe/Berlin",
    } | changes


async def prepared(api: Api) -> httpx.AsyncClient:
    admin = await api.admin()
    made = await admin.post("/api/v1/clusters", json=cluster_body(provision_immediately=False))
    assert made.status_code == 201, made.text
    return admin


async def test_a_schedule_is_made_shown_changed_and_deleted(api: Api) -> None:
    client = await prepared(api)

    made = await client.post("/api/v1/schedules", json=body())

    assert made.status_code == 201, made.text
    schedule = made.json()
    assert set(schedule) == MEMBERS
    place = f"/api/v1/schedules/{schedule['id']}"
    assert made.headers["location"] == place
    assert (schedule["cluster_name"], schedule["last_run"]) == ("yard-1", None)
    assert len(schedule["preview"]) == 5
    assert schedule["preview"][0]["utc"] == schedule["next_run"]
    first = schedule["preview"][0]
    assert datetime.fromisoformat(first["local"]) == datetime.fromisoformat(first["utc"])
    assert first["local"][11:19] == "12:00:00"
    listed = (await client.get("/api/v1/schedules", params={"cluster_id": "yard-1"})).json()
    assert (listed["total"], listed["data"]) == (1, [schedule])

    changed = await client.put(place, json=body(cron="*/5 * * * *", missed_run_policy="run_once"))
    paused = await client.patch(place, json={"enabled": False})
    again = await client.patch(place, json={"enabled": True})
    gone = await client.delete(place)

    assert (changed.status_code, changed.json()["missed_run_policy"]) == (200, "run_once")
    assert (paused.json()["enabled"], paused.json()["next_run"]) == (False, None)
    assert len(paused.json()["preview"]) == 5
    assert again.json()["next_run"] is not None
    assert (gone.status_code, gone.content) == (204, b"")
    assert (await client.get(place)).status_code == 404
    actions = [entry["action"] for entry in (await client.get("/api/v1/audit-logs")).json()["data"]]
    assert actions[:5] == [
        "schedule:delete",
        "schedule:update",
        "schedule:update",
        "schedule:update",
        "schedule:create",
    ]


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"cron": "61 * * * *"}, ["cron"]),
        ({"cron": "often"}, ["cron"]),
        ({"time_zone": "Nowhere/Atlantis"}, ["time_zone"]),
        ({"cluster_id": "nix"}, ["cluster_id"]),
        ({"job_type": "deprovision"}, ["job_type"]),
        ({"job_type": "dance"}, ["job_type"]),
        ({"missed_run_policy": "twice"}, ["missed_run_policy"]),
        ({"name": "Not A Label"}, ["name"]),
        ({"parameters": {"speed": 1}}, ["parameters.speed"]),
        ({"nix": 1}, ["nix"]),
        ({"cron": "", "time_zone": "", "cluster_id": ""}, ["cron", "time_zone", "cluster_id"]),
    ],
)
async def test_what_does_not_fit_is_refused_by_field_and_nothing_is_written(
    api: Api, changes: dict[str, Any], fields: list[str]
) -> None:
    client = await prepared(api)

    answer = await client.post("/api/v1/schedules", json=body(**changes))

    assert answer.status_code == 422, answer.text
    assert [problem["field"] for problem in answer.json()["errors"]] == fields
    assert (await client.get("/api/v1/schedules")).json()["total"] == 0


async def test_a_name_is_taken_once_and_a_key_repeats_the_answer(api: Api) -> None:
    client = await prepared(api)
    key = {"Idempotency-Key": "one"}
    first = await client.post("/api/v1/schedules", json=body(), headers=key)
    second = await client.post("/api/v1/schedules", json=body(), headers=key)
    third = await client.post("/api/v1/schedules", json=body())

    assert second.json() == first.json()
    assert third.status_code == 409
    assert "nightly" in third.json()["detail"]


async def test_run_now_queues_one_job_that_names_its_schedule(api: Api) -> None:
    await prepared(api)
    client = await api.account(Role.OPERATOR, "olga@example.local")
    schedule = (await client.post("/api/v1/schedules", json=body())).json()

    started = await client.post(f"/api/v1/schedules/{schedule['id']}/run")
    refused = await client.post(f"/api/v1/schedules/{schedule['id']}/run")

    assert started.status_code == 202, started.text
    job = (await client.get(started.headers["location"])).json()
    assert (job["schedule_id"], job["created_by"]) == (schedule["id"], "olga@example.local")
    assert refused.status_code == 409
    assert job["id"] in refused.json()["detail"]
    [run] = (await client.get(f"/api/v1/schedules/{schedule['id']}/runs")).json()["data"]
    assert set(run) == RUN_MEMBERS
    assert (run["trigger"], run["outcome"], run["job_id"]) == ("person", "started", job["id"])


async def test_due_and_missed_times_are_shown_and_can_be_filtered(api: Api) -> None:
    client = await prepared(api)
    schedule = (
        await client.post("/api/v1/schedules", json=body(missed_run_policy="run_once", time_zone="UTC"))
    ).json()
    await database.fetch("UPDATE schedule SET next_run_at = next_run_at - interval '10 days'")

    assert await schedule_firing.fire_next()

    shown = (await client.get(f"/api/v1/schedules/{schedule['id']}")).json()
    missed = await client.get(f"/api/v1/schedules/{schedule['id']}/runs", params={"outcome": "missed"})
    [run] = missed.json()["data"]
    job = (await client.get(f"/api/v1/jobs/{shown['last_run']['job_id']}")).json()
    assert (shown["last_run"]["outcome"], shown["next_run"]) == ("started", schedule["next_run"])
    assert (run["reason"], run["due_count"]) == ("no_scheduler", 9)
    assert (job["created_by"], job["schedule_id"]) == ("schedule nightly", schedule["id"])
    entries = (await client.get("/api/v1/audit-logs", params={"action": "schedule:fire"})).json()["data"]
    assert {entry["actor"] for entry in entries} == {"schedule nightly"}


async def test_a_schedule_of_a_deleted_cluster_is_not_switched_on_or_run(api: Api) -> None:
    client = await prepared(api)
    schedule = (await client.post("/api/v1/schedules", json=body(enabled=False))).json()
    await client.delete("/api/v1/clusters/yard-1")
    place = f"/api/v1/schedules/{schedule['id']}"

    assert (await client.patch(place, json={"enabled": True})).status_code == 409
    assert (await client.post(f"{place}/run")).status_code == 409


async def test_due_times_are_told_before_a_schedule_is_saved(api: Api) -> None:
    client = await prepared(api)
    made = (await client.post("/api/v1/schedules", json=body())).json()

    told = await client.get(
        "/api/v1/schedules/preview", params={"cron": "0 12 * * *", "time_zone": "Europe/Berlin"}
    )
    by_default = await client.get("/api/v1/schedules/preview", params={"cron": "0 12 * * *"})

    assert told.json() == {"data": made["preview"]}
    assert by_default.json()["data"][0]["local"].endswith("T12:00:00+00:00")


@pytest.mark.parametrize(
    ("asked", "fields"),
    [
        ({}, ["cron"]),
        ({"cron": "61 * * * *"}, ["cron"]),
        ({"cron": "0 0 30 2 *"}, ["cron"]),
        ({"cron": "nix", "time_zone": "Mars"}, ["cron", "time_zone"]),
        ({"cron": "0 4 * * *", "zone": "UTC"}, ["zone"]),
    ],
)
async def test_due_times_of_what_makes_no_sense_are_refused(
    api: Api, asked: dict[str, str], fields: list[str]
) -> None:
    answer = await (await api.admin()).get("/api/v1/schedules/preview", params=asked)

    assert answer.status_code in {400, 422}
    assert [error["field"] for error in answer.json()["errors"]] == fields
