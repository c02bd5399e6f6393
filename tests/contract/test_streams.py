"""Streams of several jobs and of everything; tokens that end, readers that do not read, many readers."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import psycopg
import pytest

from api import metrics
from api.layers import deadline
from engine.domain.events import EventKind
from engine.domain.statuses import JobStatus
from engine.services import following, tokens
from engine.store import database
from tests.contract.harness import Api, Run, cluster_body, serving, settings, sse
from tests.contract.test_events import STREAM, begun, stream

PATH = "/api/v1/events"


@contextlib.asynccontextmanager
async def opened(
    client: httpx.AsyncClient, path: str = PATH, **headers: str
) -> AsyncIterator[AsyncIterator[dict[str, str]]]:
    async with client.stream("GET", path, headers=STREAM | headers) as response:
        assert response.status_code == 200
        frames = sse(response)
        assert await anext(frames) == {"retry": "2000"}
        yield frames


async def until(frames: AsyncIterator[dict[str, str]], kind: str, **wanted: Any) -> dict[str, Any]:
    """The data of the next frame of a kind with these members."""
    async with asyncio.timeout(30):
        async for frame in frames:
            data = json.loads(frame.get("data", "{}"))
            if frame.get("event") == kind and all(data[name] == value for name, value in wanted.items()):
                return data
    raise AssertionError(f"the stream ended without {kind} {wanted}")


async def two_jobs(api: Api) -> tuple[httpx.AsyncClient, list[Run]]:
    client = await api.admin()
    runs = []
    for number in (1, 2):
        body = cluster_body(f"yard-{number}", network=f"192.0.{number}")
        made = (await client.post("/api/v1/clusters", json=body)).json()
        runs.append(Run(made["job"]["id"], api.cipher))
        await runs[-1].claim()
    return client, runs


async def test_the_events_of_several_jobs_resume_at_every_position(api: Api) -> None:
    client, runs = await two_jobs(api)
    path = f"{PATH}?jobs={runs[0].job_id},{runs[1].job_id}"
    for run, count in zip(runs, (5, 3), strict=True):
        await run.tell_many(count)
        await run.finish(JobStatus.SUCCESS, [run.event(EventKind.JOB_FINISHED, data={"status": "success"})])
    wanted = {str(runs[0].job_id): list(range(1, 7)), str(runs[1].job_id): list(range(1, 5))}

    whole = await stream(client, path)
    events = [frame for frame in whole if "id" in frame]
    ends = [json.loads(frame["data"]) for frame in whole if frame.get("event") == "end"]

    assert _by_job(events) == wanted
    assert {end["job_id"]: end["status"] for end in ends} == dict.fromkeys(wanted, "success")
    for seen, frame in enumerate(events, start=1):
        async with opened(client, path, **{"Last-Event-ID": frame["id"]}) as frames:
            rest = [one async for one in frames if "id" in one]
        assert _by_job(events[:seen] + rest) == wanted


def _by_job(frames: list[dict[str, str]]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for frame in frames:
        data = json.loads(frame["data"])
        found.setdefault(data["job_id"], []).append(data["sequence"])
    return found


async def test_the_events_of_several_jobs_come_as_they_happen(api: Api) -> None:
    client, runs = await two_jobs(api)
    async with opened(client, f"{PATH}?jobs={runs[0].job_id},{runs[1].job_id}") as frames:
        for number in range(3):
            for run in runs:
                await run.tell(run.event(EventKind.MESSAGE, message=f"message {number}"))
                told = await until(frames, "message", job_id=str(run.job_id))
                assert told["message"] == f"message {number}"
        await runs[0].finish(JobStatus.CANCELLED, [runs[0].event(EventKind.JOB_FINISHED)])
        assert (await until(frames, "end"))["job_id"] == str(runs[0].job_id)
        await runs[1].tell_many(1)
        await until(frames, "host_ok", job_id=str(runs[1].job_id))


@pytest.mark.parametrize("jobs", ["", "1f3b7e0e-0000-4000-8000-000000000000", "nix"])
async def test_jobs_that_are_none_are_refused(api: Api, jobs: str) -> None:
    client = await api.admin()

    answer = await client.get(PATH, params={"jobs": jobs}, headers=STREAM)

    assert answer.status_code == (404 if jobs else 422)


async def test_an_id_of_other_jobs_is_refused(api: Api) -> None:
    client, runs = await two_jobs(api)
    await runs[0].tell_many(1)
    await runs[0].finish(JobStatus.SUCCESS)
    first = (await stream(client, f"{PATH}?jobs={runs[0].job_id}"))[1]["id"]

    for last in (first, "nix", "1", first + "x"):
        answer = await client.get(f"{PATH}?jobs={runs[1].job_id}", headers=STREAM | {"Last-Event-ID": last})
        assert [error["field"] for error in answer.json()["errors"]] == ["Last-Event-ID"]


async def test_a_request_without_the_streams_type_is_told_so(api: Api) -> None:
    answer = await (await api.admin()).get(PATH)

    assert [error["field"] for error in answer.json()["errors"]] == ["Accept"]


async def test_a_dashboard_hears_how_everything_stands_and_every_change(api: Api) -> None:
    client, runs = await two_jobs(api)
    job, other = (str(run.job_id) for run in runs)
    async with opened(client) as frames:
        snapshot = await until(frames, "snapshot")
        assert {one["id"]: one["status"] for one in snapshot["jobs"]} == {job: "running", other: "running"}
        assert {one["name"]: one["status"] for one in snapshot["clusters"]} == dict.fromkeys(
            ("yard-1", "yard-2"), "provisioning"
        )
        phases = [phase["slug"] for phase in (await client.get(f"/api/v1/jobs/{job}")).json()["phases"]]
        await runs[0].tell(runs[0].event(EventKind.PHASE_STARTED, phase=phases[0]))
        assert (await until(frames, "job", id=job, phase=phases[0]))["progress"] == 0
        await runs[0].tell(
            runs[0].event(EventKind.PHASE_FINISHED, phase=phases[0], data={"status": "succeeded"}),
            runs[0].event(EventKind.PHASE_STARTED, phase=phases[1]),
        )
        told = await until(frames, "job", id=job, phase=phases[1])
        assert told["progress"] == 100 // len(phases)
        await client.post(f"/api/v1/jobs/{other}/cancel")
        await until(frames, "job", id=other, cancel_requested=True)
        await runs[0].finish(JobStatus.FAILED, reason="swap is on")
        ended = await until(frames, "job", id=job, status="failed")
        assert (ended["reason"], ended["cluster_name"]) == ("swap is on", "yard-1")
        await until(frames, "cluster", name="yard-1", status="failed")
        made = await client.post("/api/v1/clusters", json=cluster_body("yard-3", network="192.0.3"))
        await until(frames, "job", id=made.json()["job"]["id"], status="queued")
        await until(frames, "cluster", name="yard-3")


async def test_a_dashboard_gets_a_snapshot_again_after_the_connection_was_lost(api: Api) -> None:
    client, _ = await two_jobs(api)
    async with opened(client) as frames:
        await until(frames, "snapshot")
        _cut_connections(api)
        await until(frames, "snapshot")


async def test_a_stream_goes_on_after_its_database_connections_were_lost(api: Api) -> None:
    client, run, path = await begun(api)
    async with opened(client, path) as frames:
        for number in range(3):
            await run.tell_many(1)
            assert (await until(frames, "host_ok"))["sequence"] == number + 1
            _cut_connections(api)
            assert await _reachable()


def _cut_connections(api: Api) -> None:
    """Every other connection of this database is ended by the server."""
    with psycopg.connect(api.settings.database_url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


async def test_a_token_that_expires_ends_its_stream_and_a_new_one_resumes(
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(following, "TOKEN_SECONDS", 0.1)
    monkeypatch.setattr(tokens, "LEEWAY_SECONDS", 0)
    async with serving(settings(database_url)) as api:
        _, run, path = await begun(api)
        await run.tell_many(2)
        monkeypatch.setattr(api.provider, "_access_lifetime", timedelta(seconds=2))
        for url in (path, PATH):
            client = await api.admin()
            async with opened(client, url) as frames:
                assert "reason" in await until(frames, "expired")
                assert [frame async for frame in frames] == []
        async with opened(await api.admin(), path, **{"Last-Event-ID": "1"}) as frames:
            assert (await until(frames, "host_ok"))["sequence"] == 2


async def test_a_session_that_is_ended_ends_its_streams(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "TOKEN_SECONDS", 0.1)
    client, _, path = await begun(api)
    async with opened(client, path) as frames, opened(client) as everything:
        await client.post("/api/v1/auth/logout")
        await until(frames, "expired")
        await until(everything, "expired")


async def test_a_service_token_keeps_its_streams_until_it_is_revoked(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "TOKEN_SECONDS", 0.0)  # asked for again before everything that is told
    admin, run, path = await begun(api)
    wanted = {"name": "watch", "permissions": ["job:read", "cluster:read"]}
    token = (await admin.post("/api/v1/service-tokens", json=wanted)).json()["token"]
    client = api.anonymous(Authorization=f"Bearer {token}")
    async with opened(client, path) as frames:
        for number in range(1, 4):
            await run.tell_many(1)
            assert (await until(frames, "host_ok"))["sequence"] == number
        await admin.delete("/api/v1/service-tokens/watch")
        await until(frames, "expired")


async def test_a_reader_that_never_reads_delays_nobody_and_is_ended(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadline, "STALLED_SECONDS", 1.0)
    client, run, path = await begun(api)
    reader, writer = await _socket(api, client, path, limit=1024)
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    try:
        await _outlived(client, run, path)
    finally:
        writer.transport.abort()
    assert reader is not None


async def _outlived(client: httpx.AsyncClient, run: Run, path: str) -> None:
    """Another reader gets everything, and then the one that does not read is gone."""
    for _ in range(30):
        await run.tell(*[run.event(EventKind.MESSAGE, message="x" * 8000) for _ in range(100)])
    await run.finish(JobStatus.SUCCESS)

    whole = await stream(client, path)

    assert len(whole) == 3002
    async with asyncio.timeout(30):
        while metrics.STREAMS._value.get() > 0:  # noqa: ASYNC110 - nobody else would tell
            await asyncio.sleep(0.05)


async def test_two_hundred_readers_of_one_job_get_everything(api: Api) -> None:
    client, run, path = await begun(api)
    readers = [asyncio.create_task(_all_ids(api, client, path)) for _ in range(200)]
    for _ in range(30):
        await run.tell_many(10)
        await asyncio.sleep(0)
    connections = await database.fetch(
        "SELECT query ILIKE 'LISTEN%' OR query = 'SELECT 1' AS listens, count(*) AS n FROM pg_stat_activity"
        " WHERE datname = current_database() GROUP BY 1"
    )
    await run.finish(JobStatus.SUCCESS, [run.event(EventKind.JOB_FINISHED)])

    for ids in await asyncio.gather(*readers):
        assert ids == list(range(1, 302))
    assert sum(row["n"] for row in connections) <= database.POOL_MAXIMUM + 1


async def _reachable() -> bool:
    """Connections that were cut are noticed when they are used; then there are new ones."""
    return any([await database.reachable() for _ in range(database.POOL_MAXIMUM + 1)])


async def _all_ids(api: Api, client: httpx.AsyncClient, path: str) -> list[int]:
    """Ids of all frames until the end of a stream, over a socket of its own."""
    reader, writer = await _socket(api, client, path)
    ids = []
    async for line in reader:
        if line.startswith(b"id: "):
            ids.append(int(line[4:]))
        if line.startswith(b"event: end"):
            break
    writer.close()
    return ids


async def _socket(
    api: Api, client: httpx.AsyncClient, path: str, limit: int = 2**20
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    url = httpx.URL(api.url)
    reader, writer = await asyncio.open_connection(url.host, url.port, limit=limit)
    head = f"GET {path} HTTP/1.1\r\nHost: {url.host}\r\nAccept: text/event-stream\r\n"
    writer.write(f"{head}Authorization: {client.headers['authorization']}\r\n\r\n".encode())
    return reader, writer
