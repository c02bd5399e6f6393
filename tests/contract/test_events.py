"""A job's events: pages, text, and streams that resume anywhere."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from engine.domain.events import EventKind
from engine.domain.statuses import JobStatus
from engine.services import following
from engine.services.settings import Settings
from engine.store import event_pages, events
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

    assert set(first) == {"data", "previous", "next", "last_sequence", "events_expired"}
    assert all(set(event) == EVENT for event in first["data"])
    assert [event["sequence"] for event in first["data"] + second["data"]] == [1, 2, 3, 4, 5]
    assert second["next"] is None
    assert (first["previous"], second["previous"]) == (None, 4)
    assert first["last_sequence"] == 5
    assert first["events_expired"] is False


async def test_a_job_is_opened_at_its_end_and_paged_upwards(api: Api) -> None:
    client, run, path = await begun(api)
    await run.tell_many(10)

    async def page(**params: Any) -> tuple[list[int], int | None, int | None]:
        found = (await client.get(path, params=params | {"limit": 4})).json()
        return [event["sequence"] for event in found["data"]], found["previous"], found["next"]

    assert await page(tail=True) == ([7, 8, 9, 10], 7, None)
    assert await page(before=7) == ([3, 4, 5, 6], 3, 6)
    assert await page(before=3) == ([1, 2], None, 2)
    assert await page(after=6) == ([7, 8, 9, 10], 7, None)
    assert await page(before=1) == ([], None, 0)
    assert await page(after=10) == ([], 11, None)
    assert await page(before=1000) == ([7, 8, 9, 10], 7, None)


async def test_filtered_pages_go_both_ways(api: Api) -> None:
    client, run, path = await begun(api)
    for number in range(6):
        await run.tell(
            run.event(EventKind.HOST_OK, phase="first", host="control-01", task=f"Pull {number}"),
            run.event(EventKind.HOST_CHANGED, phase="second", host="worker-01", message=f"Pulled {number}"),
            run.event(EventKind.TASK_STARTED, phase="second", task=f"Start {number}"),
        )

    async def pages(limit: int = 2, **params: Any) -> list[int]:
        """All sequences, read from the end."""
        found: list[int] = []
        where: dict[str, Any] = {"tail": True}
        while True:
            page = (await client.get(path, params={**params, **where, "limit": limit})).json()
            found = [event["sequence"] for event in page["data"]] + found
            if page["previous"] is None:
                return found
            where = {"before": page["previous"]}

    assert await pages(host="worker-01") == [2, 5, 8, 11, 14, 17]
    assert await pages(status="changed") == [2, 5, 8, 11, 14, 17]
    assert await pages(status="ok,failed", phase="first") == [1, 4, 7, 10, 13, 16]
    assert await pages(phase="second", limit=5) == sorted([*range(2, 19, 3), *range(3, 19, 3)])
    assert await pages(host="worker-01", phase="first") == []
    assert await pages(kind="host_ok", status="changed") == []
    assert await pages(search="pull", status="ok") == [1, 4, 7, 10, 13, 16]
    assert await pages(search="PULLED 3") == [11]
    assert await pages(search="100%_") == []


async def test_a_search_looks_at_a_bounded_part_and_says_where_to_go_on(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_pages, "SEARCH_WINDOW", 10)
    client, run, path = await begun(api)
    await run.tell_many(25)

    async def page(**params: Any) -> tuple[list[int], int | None, int | None]:
        found = (await client.get(path, params=params | {"search": "task 12"})).json()
        return [event["sequence"] for event in found["data"]], found["previous"], found["next"]

    assert await page(tail=True) == ([], 16, None)
    assert await page(before=16) == ([13], 6, 15)
    assert await page(before=6) == ([], None, 5)
    assert await page() == ([], None, 10)
    assert await page(after=10) == ([13], 11, 20)
    assert await page(after=20) == ([], 21, None)


async def test_a_page_of_big_events_is_cut_by_size_and_goes_on(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_pages, "MOST_BYTES", 2500)
    client, run, path = await begun(api)
    await run.tell(*[run.event(EventKind.MESSAGE, message="x" * 1000) for _ in range(5)])

    first = (await client.get(path)).json()
    last = (await client.get(path, params={"tail": True})).json()

    assert [event["sequence"] for event in first["data"]] == [1, 2, 3]
    assert first["next"] == 3
    assert [event["sequence"] for event in last["data"]] == [3, 4, 5]
    assert last["previous"] == 3


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("before=0", "before"),
        ("before=5&after=3", "before"),
        ("tail=true&before=5", "tail"),
        ("tail=perhaps", "tail"),
        ("status=great", "status"),
        ("kind=nix", "kind"),
        ("search=", "search"),
        ("limit=1001", "limit"),
        ("sequence=5", "sequence"),
    ],
)
async def test_a_wrong_page_request_names_the_field(api: Api, query: str, field: str) -> None:
    client, _, path = await begun(api)

    answer = await client.get(f"{path}?{query}")

    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]


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
    monkeypatch.setattr(following, "BATCH", 7)
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
    monkeypatch.setattr(following, "PING_SECONDS", 0.05)
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
            told = [frame async for frame in frames]
        assert [set(frame) for frame in told] == [{"comment", "retry"}]  # when to come back
        assert 500 <= int(told[0]["retry"]) <= 3000
        assert [set(frame) for frame in await task] == [{"retry"}, {"comment", "retry"}]


async def test_a_job_whose_events_are_gone_says_so_everywhere(api: Api) -> None:
    client, run, path = await begun(api)
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    await run.tell(msgspec.structs.replace(run.event(EventKind.MESSAGE), created_at=long_ago))
    await run.tell_many(2)
    job = path.removesuffix("/events")
    assert "events_expired" not in (await client.get(job)).json()
    await run.finish(JobStatus.SUCCESS)

    await events.drop_partitions(13)

    page = (await client.get(path)).json()
    assert [event["sequence"] for event in page["data"]] == [2, 3]
    assert page["events_expired"] is True
    assert (page["previous"], page["next"]) == (None, None)
    assert (await client.get(path, params={"tail": True})).json()["events_expired"] is True
    assert (await client.get(job)).json()["events_expired"] is True
    assert (await client.get(f"{job}/log")).text.startswith("The first 1 of 3 events are not kept any more")
    told = await stream(client, path)
    assert (told[1]["event"], told[1]["data"]) == ("events_expired", '{"first_sequence":2}')
    assert [frame["id"] for frame in told[2:-1]] == ["2", "3"]
    assert [frame.get("event") for frame in await stream(client, path, last=1)] == [
        None,
        "host_ok",
        "host_ok",
        "end",
    ]


async def test_streams_resume_after_the_api_was_killed(database_url: str) -> None:
    """A real server process, killed and started again on its port; the reader comes back at every place."""
    used = settings(database_url)
    async with serving(used) as api:  # plays the rest of the system
        _, run, path = await begun(api)
        await run.tell_many(4)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        seen: list[str] = []
        for round_number in range(3):
            async with _api_process(used, port) as client:
                client.headers["Authorization"] = f"Bearer {(await api.login())['access_token']}"
                headers = STREAM | {"Last-Event-ID": seen[-1] if seen else "0"}
                async with client.stream("GET", path, headers=headers) as response:
                    frames = sse(response)
                    await run.tell_many(2)
                    while len(seen) < 3 * (round_number + 1):
                        frame = await anext(frames)
                        seen += [frame["id"]] if "id" in frame else []
        await run.finish(JobStatus.SUCCESS)
        async with _api_process(used, port) as client:
            client.headers["Authorization"] = f"Bearer {(await api.login())['access_token']}"
            seen += [frame["id"] for frame in await stream(client, path, int(seen[-1])) if "id" in frame]

    assert seen == [str(number) for number in range(1, 11)]


@contextlib.asynccontextmanager
async def _api_process(used: Settings, port: int) -> AsyncIterator[httpx.AsyncClient]:
    """`keelyard api`, killed at the end."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "DATABASE_URL": used.database_url,
        "SECRET_KEY": used.secret_key,
        "ENCRYPTION_KEY": used.encryption_key,
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "engine.processes", "api", "--port", str(port)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            async with asyncio.timeout(60):
                while process.poll() is None:
                    with contextlib.suppress(httpx.TransportError):
                        await client.get("/health")
                        break
                    await asyncio.sleep(0.1)
            yield client
            process.kill()
            process.wait()
    finally:
        process.kill()
        process.wait()
