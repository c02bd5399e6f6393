"""A job's events read from their end upwards, then followed, over a real socket."""

from __future__ import annotations

import asyncio

from engine.domain.events import EventKind
from engine.domain.statuses import JobStatus
from tests.contract import harness
from tests.contract.test_events import begun
from tui.client import Client
from tui.job_events import EventStream, History
from tui.live import Live


async def test_a_job_is_read_from_its_end_and_followed_from_there(server: harness.Api):
    _, run, path = await begun(server)
    await run.tell_many(12)
    client = Client(server.url)
    await client.sign_in(harness.ADMIN, harness.PASSWORD)
    job_id = path.split("/")[-2]
    history = History(client, job_id)
    history.PAGE = 5

    last = await history.open()
    follower = EventStream(client, job_id, after=history.last_sequence)
    following = asyncio.create_task(follower.run(lambda *_: None))
    before = await history.earlier()
    await run.tell_many(3)
    first = await history.earlier()
    await run.finish(JobStatus.SUCCESS, [run.event(EventKind.JOB_FINISHED, data={"status": "success"})])
    await following
    await client.close()

    assert [event.sequence for event in [*first, *before, *last]] == list(range(1, 13))
    assert [event.sequence for event in follower.drain()] == list(range(13, 17))
    assert history.at_start
    assert await history.earlier() == []
    assert not history.expired


async def test_a_filtered_history_has_only_what_fits(server: harness.Api):
    _, run, path = await begun(server)
    await run.tell_many(6)
    await run.tell(run.event(EventKind.HOST_FAILED, host="worker-01", message="full disk"))
    client = Client(server.url)
    await client.sign_in(harness.ADMIN, harness.PASSWORD)
    history = History(client, path.split("/")[-2], status="failed", host=None)

    found = await history.open()
    await client.close()

    assert [event.message for event in found] == ["full disk"]
    assert history.at_start
    assert history.last_sequence == 7


async def test_live_news_are_always_current(server: harness.Api):
    _, run, path = await begun(server)
    client = Client(server.url)
    await client.sign_in(harness.ADMIN, harness.PASSWORD)
    change = asyncio.Event()
    live = Live(client, lambda _: change.set(), change.set)
    watching = asyncio.create_task(live.run())
    job_id = path.split("/")[-2]

    async with asyncio.timeout(30):
        for status in ("running", "success"):
            while job_id not in live.state.jobs or live.state.jobs[job_id].status != status:
                await change.wait()
                change.clear()
            if status == "running":
                await run.finish(JobStatus.SUCCESS)
    assert live.state.is_live
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    await client.close()

    assert [cluster.name for cluster in live.state.clusters.values()] == ["yard-1"]
