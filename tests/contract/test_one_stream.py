"""News and the events of jobs in one stream: every job at its own position, whatever cuts it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest

from engine.domain.events import EventKind
from engine.domain.statuses import JobStatus
from engine.services import following
from tests.contract.harness import Api, cluster_body, serving, settings
from tests.contract.test_events import STREAM
from tests.contract.test_streams import PATH, opened, two_jobs, until


class Reader:
    """Takes frames: what each job told, and the id with which it would come back."""

    def __init__(self) -> None:
        self.told: dict[str, list[int]] = {}
        self.kinds: list[str] = []
        self.last = ""

    async def read(self, frames: AsyncIterator[dict[str, str]], *, most: int) -> None:
        """So many events, or to the end of the stream."""
        async with asyncio.timeout(60):
            async for frame in frames:
                self.last = frame.get("id", self.last)
                self.kinds.append(frame.get("event", ""))
                data = json.loads(frame.get("data", "{}"))
                if "sequence" in data:
                    self.told.setdefault(data["job_id"], []).append(data["sequence"])
                    most -= 1
                if not most:
                    return


async def test_news_and_the_events_of_two_jobs_come_in_one_stream(api: Api) -> None:
    client, runs = await two_jobs(api)
    first, second = (str(run.job_id) for run in runs)
    await runs[0].tell_many(3)
    await runs[1].tell_many(2)
    async with opened(client, f"{PATH}?jobs={first},{second}&after=2,2&news=true") as frames:
        reader = Reader()
        await reader.read(frames, most=1)
        assert reader.told == {first: [3]}
        await runs[1].tell_many(1)
        assert (await until(frames, "host_ok", job_id=second))["sequence"] == 3
        await client.post(f"/api/v1/jobs/{second}/cancel")
        await until(frames, "job", id=second, cancel_requested=True)
        for run in runs:  # a job that ends ends nothing else
            await run.finish(JobStatus.CANCELLED, [run.event(EventKind.JOB_FINISHED)])
            await until(frames, "end", job_id=str(run.job_id), status="cancelled")
        await client.post("/api/v1/clusters", json=cluster_body("yard-3", network="192.0.3"))
        await until(frames, "cluster", name="yard-3")


async def test_it_begins_with_the_news_and_an_id_that_resumes_there(api: Api) -> None:
    client, runs = await two_jobs(api)
    await runs[0].tell_many(3)
    path = f"{PATH}?jobs={runs[0].job_id}&after=3&news=true"
    async with opened(client, path) as frames:
        snapshot = await anext(frames)
    await runs[0].tell_many(1)

    assert snapshot["event"] == "snapshot"
    async with opened(client, path, **{"Last-Event-ID": snapshot["id"]}) as frames:
        assert (await until(frames, "host_ok"))["sequence"] == 4


async def test_an_api_that_restarts_loses_and_doubles_nothing(database_url: str) -> None:
    used = settings(database_url)
    async with serving(used) as api:
        client, runs = await two_jobs(api)
        jobs = [str(run.job_id) for run in runs]
        headers = {"authorization": client.headers["authorization"]}
        port = httpx.URL(api.url).port
        path = f"{PATH}?jobs={','.join(jobs)}&after=1,0&news=true"
        reader = Reader()
        async with opened(client, path) as frames:
            for run in runs:
                await run.tell_many(4)
            await reader.read(frames, most=5)
            await api.stop()
    async with serving(used, port) as api:
        for run in runs:
            run.cipher = api.cipher
            await run.tell_many(3)
        client = api.anonymous(**headers)
        async with opened(client, path, **{"Last-Event-ID": reader.last}) as frames:
            await reader.read(frames, most=8)

    assert reader.told == {jobs[0]: list(range(2, 8)), jobs[1]: list(range(1, 8))}
    assert reader.kinds.count("snapshot") == 2


@pytest.mark.parametrize("seen", [1, 4, 7])
async def test_it_resumes_at_every_position(api: Api, seen: int) -> None:
    client, runs = await two_jobs(api)
    jobs = [str(run.job_id) for run in runs]
    for run in runs:
        await run.tell_many(4)
    path = f"{PATH}?jobs={','.join(jobs)}&news=true"
    reader = Reader()
    async with opened(client, path) as frames:
        await reader.read(frames, most=seen)
    async with opened(client, path, **{"Last-Event-ID": reader.last}) as frames:
        await reader.read(frames, most=8 - seen)

    assert reader.told == {job: [1, 2, 3, 4] for job in jobs}


async def test_events_alone_begin_where_one_wants(api: Api) -> None:
    client, runs = await two_jobs(api)
    await runs[0].tell_many(4)
    await runs[0].finish(JobStatus.SUCCESS)
    reader = Reader()
    async with opened(client, f"{PATH}?jobs={runs[0].job_id}&after=2") as frames:
        await reader.read(frames, most=-1)

    assert reader.told == {str(runs[0].job_id): [3, 4]}
    assert reader.kinds == ["host_ok", "host_ok", "end"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("jobs={0},{1}&after=1", "after"),
        ("jobs={0}&after=1,2", "after"),
        ("jobs={0}&after=", "after"),
        ("jobs={0}&after=-1", "after"),
        ("jobs={0}&after=1.5", "after"),
        ("jobs={0}&after=nix", "after"),
        ("jobs={0}&after=%D9%A1", "after"),  # a digit, but not one of ours
        ("jobs={0}&after=99999999999999999999", "after"),
        ("jobs={0}&after=9223372036854775807", "after"),
        ("jobs={0}&after=1&after=2", "after"),
        ("after=1", "after"),
        ("news=false", "news"),
        ("news=perhaps&jobs={0}", "news"),
        ("jobs={0}&from=1", "from"),
    ],
)
async def test_positions_that_make_no_sense_are_refused(api: Api, query: str, field: str) -> None:
    client, runs = await two_jobs(api)
    asked = query.format(*(run.job_id for run in runs))

    answer = await client.get(f"{PATH}?{asked}", headers=STREAM)

    assert answer.status_code in {400, 422}
    assert [error["field"] for error in answer.json()["errors"]] == [field]


async def test_an_id_of_other_jobs_is_refused_by_name(api: Api) -> None:
    client, runs = await two_jobs(api)
    answer = await client.get(
        f"{PATH}?jobs={runs[0].job_id}&news=true", headers=STREAM | {"Last-Event-ID": "12"}
    )

    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["Last-Event-ID"]


async def test_a_stopping_server_says_once_when_to_come_back(database_url: str) -> None:
    async with serving(settings(database_url)) as api:
        client, runs = await two_jobs(api)
        async with opened(client, f"{PATH}?jobs={runs[0].job_id}&news=true") as frames:
            await until(frames, "snapshot")
            await api.stop()
            told = [frame async for frame in frames]

    assert [set(frame) for frame in told] == [{"comment", "retry"}]


async def test_it_is_pinged_when_nothing_happens(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "PING_SECONDS", 0.05)
    client, runs = await two_jobs(api)
    async with opened(client, f"{PATH}?jobs={runs[0].job_id}&news=true") as frames:
        await until(frames, "snapshot")
        assert await anext(frames) == {"comment": "ping"}
        assert await anext(frames) == {"comment": "ping"}


async def test_a_session_that_is_ended_ends_it_once(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "TOKEN_SECONDS", 0.1)
    client, runs = await two_jobs(api)
    async with opened(client, f"{PATH}?jobs={runs[0].job_id}&news=true") as frames:
        await client.post("/api/v1/auth/logout")
        await until(frames, "expired")
        assert [frame async for frame in frames] == []
