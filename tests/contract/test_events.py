"""A job's events: pages, text, and streams that resume anywhere."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest

from engine.domain.events import EventKind
from engine.domain.statuses import JobStatus
from engine.services import job_events
from tests.contract.harness import Api, Run, cluster_body, serving, settings, sse

EVENT = {
    "sequence",
    "attempt",
    "kind",
    "created_at",
    "phase",
    "host",
    "task",
    "role",
    "message",
    "duration_seconds",
    "data",
}
STREAM = {"Accept": "text/event-stream"}


async def begun(api: Api) -> tuple[httpx.AsyncClient, Run, str]:
    """A running job, its player, and the path of its events."""
    client = await api.admin()
    made = (await client.post("/api/v1/clusters", json=cluster_body())).json()
    run = Run(made["job"]["id"], api.cipher)
    await run.claim()
    return client, run, f"/api/v1/jobs/{made['job']['id']}/events"


async def stream(client: httpx.AsyncClient, path: str, last: int | None = None) -> list[dict[str, str]]:
    """All frames of a stream that ends by itself."""
    headers = STREAM | ({} if last is None else {"Last-Event-ID": str(last)})
    async with client.stream("GET", path, headers=headers) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["cache-control"] == "no-cache"
        return [frame async for frame in sse(response)]


async def test_events_come_in_pages(api: Api) -> None:
    client, run, path = await begun(api)
    await run.tell_many(5)

    first = (await client.get(path, params={"limit": 3})).json()
    second = (await client.get(path, params={"after": first["next"], "limit": 3})).json()

    assert set(first) == {"data", "next"}
    assert all(set(event) == EVENT for event in first["data"])
    assert [event["sequence"] for event in first["data"] + second["data"]] == [1, 2, 3, 4, 5]
    assert second["next"] is None


async def test_events_are_filtered_by_phase_host_and_kind(api: Api) -> None:
    client, run, path = await begun(api)
    await run.tell(
        run.event(EventKind.PHASE_STARTED, phase="preflight"),
        run.event(EventKind.HOST_OK, phase="preflight", host="control-01"),
        run.event(EventKind.HOST_FAILED, phase="preflight", host="worker-01", message="full disk"),
    )

    async def sequences(**params: str) -> list[int]:
        return [event["sequence"] for event in (await client.get(path, params=params)).json()["data"]]

    assert await sequences(phase="preflight") == [1, 2, 3]
    assert await sequences(host="worker-01") == [3]
    assert await sequences(kind="host_ok, host_failed") == [2, 3]


async def test_the_log_is_plain_text(api: Api) -> None:
    client, run, path = await begun(api)
    await run.tell(
        run.event(EventKind.HOST_FAILED, host="worker-01", task="Install", message="two\nlines"),
    )

    answer = await client.get(path.replace("events", "log"))

    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.text.endswith("host_failed [worker-01] Install | two\n    lines\n")


async def test_a_stream_resumes_at_every_position_without_gap_or_duplicate(api: Api) -> None:
    client, run, path = await begun(api)
    await run.tell_many(11)
    await run.finish(JobStatus.SUCCESS, [run.event(EventKind.JOB_FINISHED, data={"status": "success"})])

    whole = await stream(client, path)
    assert whole[0] == {"retry": "2000"}
    assert whole[-1] == {"event": "end", "data": '{"status":"success"}'}
    assert [frame["id"] for frame in whole[1:-1]] == [str(number) for number in range(1, 13)]
    assert json.loads(whole[1]["data"])["task"] == "Task 0"
    assert whole[1]["event"] == "host_ok"
    for last in range(13):
        rest = await stream(client, path, last)
        assert [frame["id"] for frame in rest[1:-1]] == [str(number) for number in range(last + 1, 13)]
    after = [frame async for frame in _frames(client, f"{path}?after=10")]
    assert [frame.get("id") for frame in after[1:-1]] == ["11", "12"]


async def _frames(client: httpx.AsyncClient, path: str) -> Any:
    async with client.stream("GET", path, headers=STREAM) as response:
        async for frame in sse(response):
            yield frame


async def test_more_events_than_one_batch_are_streamed(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_events, "BATCH", 7)
    client, run, path = await begun(api)
    await run.tell_many(30)
    await run.finish(JobStatus.FAILED)

    frames = await stream(client, path)

    assert [frame["id"] for frame in frames[1:-1]] == [str(number) for number in range(1, 31)]
    assert frames[-1]["data"] == '{"status":"failed"}'


async def test_events_reach_open_streams_as_they_happen_and_the_stream_ends_with_the_job(api: Api) -> None:
    client, run, path = await begun(api)
    streams = [asyncio.create_task(stream(client, path)) for _ in range(5)]
    for _ in range(20):
        await run.tell_many(3)
        await asyncio.sleep(0)
    await run.finish(JobStatus.SUCCESS, [run.event(EventKind.JOB_FINISHED, data={"status": "success"})])

    for frames in await asyncio.gather(*streams):
        assert [frame["id"] for frame in frames[1:-1]] == [str(number) for number in range(1, 62)]
        assert frames[-1]["event"] == "end"


async def test_a_quiet_stream_is_pinged(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_events, "LOOK_SECONDS", 0.05)
    client, run, path = await begun(api)
    async with client.stream("GET", path, headers=STREAM) as response:
        frames = sse(response)
        seen = [await anext(frames), await anext(frames)]
        await run.finish(JobStatus.CANCELLED)
        rest = [frame async for frame in frames]

    assert seen == [{"retry": "2000"}, {"comment": "ping"}]
    assert rest[-1] == {"event": "end", "data": '{"status":"cancelled"}'}


async def test_a_wrong_last_event_id_is_refused(api: Api) -> None:
    client, _, path = await begun(api)

    answer = await client.get(path, headers=STREAM | {"Last-Event-ID": "nix"})

    assert [error["field"] for error in answer.json()["errors"]] == ["Last-Event-ID"]


async def test_a_stopping_server_ends_its_streams(database_url: str) -> None:
    async with serving(settings(database_url)) as api:
        client, _, path = await begun(api)
        task = asyncio.create_task(stream(client, path))
        async with client.stream("GET", path, headers=STREAM) as response:
            frames = sse(response)
            assert await anext(frames) == {"retry": "2000"}
            await api.stop()
            assert [frame async for frame in frames] == []
        assert await task == [{"retry": "2000"}]
