"""Workers in the database: claims within capacity, drain, jobs given back, what a queued job waits for."""

from __future__ import annotations

import asyncio
import os

import pytest

from engine.domain import capacity
from engine.domain.capacity import WorkerState
from engine.domain.errors import Conflict, NotFound
from engine.domain.statuses import ClusterStatus, JobStatus
from engine.services import runs, workers
from engine.services.identity import Caller
from engine.store import clusters, database, events, jobs, records
from engine.store import workers as rows
from tests.integration import factories

CALLER = Caller(address="test")


async def register(name: str = "alpha", forks: int = 4, **values) -> None:
    await rows.register(
        records.Worker(
            name=name, hostname=f"{name}.example", version="1", forks=forks, memory_mb=50_000, **values
        )
    )


async def silent(name: str, seconds: float = capacity.LOST_SECONDS + 1) -> None:
    await database.fetch(
        "UPDATE worker SET last_seen = now() - make_interval(secs => $2) WHERE name = $1", name, seconds
    )


async def queued(count: int, nodes: int = 2) -> list[records.Job]:
    names = tuple(f"node-{number}" for number in range(nodes))
    return [await factories.job(await factories.cluster(node_names=names)) for _ in range(count)]


async def test_a_worker_claims_no_more_than_it_can_carry(store):
    await register(forks=4)
    waiting = await queued(3)

    got = await asyncio.gather(*(workers.claim(job.id, "alpha") for job in waiting))

    assert sorted(attempt or 0 for attempt in got) == [0, 1, 1]
    assert (await workers.find("alpha")).load.forks == 4


async def test_an_empty_worker_takes_a_job_that_is_too_big_for_it(store):
    await register(forks=2)
    [big] = await queued(1, nodes=5)
    [small] = await queued(1)

    assert await workers.claim(big.id, "alpha") == 1
    assert await workers.claim(small.id, "alpha") is None


async def test_two_jobs_of_one_cluster_are_not_both_claimed(store):
    await register(forks=100)
    cluster = await factories.cluster()
    waiting = [await factories.job(cluster) for _ in range(2)]
    await database.fetch("UPDATE job SET created_at = now()")

    got = await asyncio.gather(*(workers.claim(job.id, "alpha") for job in waiting * 3))

    assert len([attempt for attempt in got if attempt]) == 1


async def test_a_drained_worker_claims_nothing_until_it_is_resumed(store):
    await register()
    first, second = await queued(2)
    await workers.claim(first.id, "alpha")

    draining = await workers.drain("alpha", CALLER)
    refused = await workers.claim(second.id, "alpha")
    await register()  # a restart of its process
    restarted = await workers.find("alpha")
    resumed = await workers.resume("alpha", CALLER)

    assert draining.state is WorkerState.DRAINING
    assert refused is None
    assert restarted.state is WorkerState.DRAINING
    assert resumed.state is WorkerState.READY
    assert await workers.claim(second.id, "alpha") == 1


async def test_an_unknown_worker_claims_nothing(store):
    [job] = await queued(1)

    assert await workers.claim(job.id, "nobody") is None
    with pytest.raises(NotFound):
        await workers.drain("nobody", CALLER)


async def test_a_claim_that_nobody_began_is_given_back_and_its_attempt_is_void(store):
    """A host that freezes between claim and start wakes up to find the job another's."""
    await register()
    await register("beta")
    [job] = await queued(1)
    attempt = await workers.claim(job.id, "alpha")

    assert await workers.give_back(await jobs.get(job.id))
    given = await jobs.get(job.id)
    again = await workers.claim(job.id, "beta")

    assert (given.status, given.worker) == (JobStatus.QUEUED, None)
    with pytest.raises(events.Fenced):
        await runs.load(job.id, attempt, factories.CIPHER)
    assert (await runs.load(job.id, again, factories.CIPHER)).job.worker == "beta"


async def test_a_run_that_began_is_never_given_back(store):
    await register()
    [job] = await queued(1)
    attempt = await workers.claim(job.id, "alpha")
    seen = await jobs.get(job.id)
    await runs.load(job.id, attempt, factories.CIPHER)

    assert not await workers.give_back(seen)
    assert (await jobs.get(job.id)).supervisor_pid == os.getpid()


async def test_a_cancelled_claim_that_nobody_began_ends_as_cancelled(store):
    await register()
    [job] = await queued(1)
    await workers.claim(job.id, "alpha")
    await runs.cancel(job.id)

    assert await workers.give_back(await jobs.get(job.id))

    assert (await jobs.get(job.id)).status is JobStatus.CANCELLED
    assert (await clusters.get(job.cluster_id)).status is not ClusterStatus.PROVISIONING


async def test_only_a_worker_that_is_gone_is_removed(store):
    await register()
    [job] = await queued(1)
    attempt = await workers.claim(job.id, "alpha")
    with pytest.raises(Conflict, match="ready"):
        await workers.remove("alpha", CALLER)
    await silent("alpha")
    with pytest.raises(Conflict, match="running"):
        await workers.remove("alpha", CALLER)
    await runs.mark_interrupted(job.id, attempt, "its host is gone", factories.CIPHER)

    await workers.remove("alpha", CALLER)

    assert await rows.get("alpha") is None
    assert not await rows.beat("alpha")


async def test_a_worker_not_heard_of_for_long_is_forgotten(store):
    await register()
    await register("beta")
    await silent("beta", (rows.FORGET_DAYS + 1) * 86_400)

    assert await rows.remove_forgotten() == ["beta"]


async def test_a_worker_that_ends_says_so_but_not_for_its_successor(store):
    await register()
    first = await rows.get("alpha")
    await register()
    await rows.stop("alpha", first.started_at)
    assert (await workers.find("alpha")).state is WorkerState.READY

    await rows.stop("alpha", (await rows.get("alpha")).started_at)

    assert (await workers.find("alpha")).state is WorkerState.STOPPED


async def test_a_queued_job_says_what_it_waits_for(store):
    cluster = await factories.cluster()
    first = await factories.job(cluster)
    second = await factories.job(cluster)
    [third] = await queued(1)

    async def told(job) -> str:
        return (await workers.waiting_for([job.id])).get(job.id, "")

    nobody = await told(third)
    await register(forks=2)
    await workers.drain("alpha", CALLER)
    drained = await told(third)
    await workers.resume("alpha", CALLER)
    await workers.claim(first.id, "alpha")

    assert "none has registered" in nobody
    assert "position 2" in nobody
    assert "1 drained" in drained
    assert await told(first) == ""
    assert str(first.id) in await told(second)
    assert await told(third) == "Room on a worker: position 1 in the queue."


async def test_a_placement_is_by_room_among_live_workers(store):
    for name in ("alpha", "beta", "gamma"):
        await register(name)
    await silent("gamma")
    await workers.drain("beta", CALLER)
    [job] = await queued(1)

    mine = await workers.placement("alpha")
    theirs = await workers.placement("beta")

    assert mine.mine == [job.id]
    assert theirs.others == {job.id: "alpha"}
