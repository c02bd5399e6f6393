"""Limits that several API processes share, against a real Redis."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from engine.clients.redis import PAUSE_SECONDS, RedisClient
from engine.services.counters import Limit, LocalCounters, RedisCounters
from engine.services.denied_sessions import SharedDenyList, StoredDenyList
from tests.standins import redis_server

MINUTE, HOUR = 60.0, 3600.0


class Clock:
    """Time as the test has it."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def server():
    with redis_server.running() as running:
        yield running


@pytest.fixture
async def redis(server):
    """Counters on an empty Redis."""
    server.ask("FLUSHALL")
    client = RedisClient(server.url)
    yield RedisCounters(client)
    await client.close()


@pytest.fixture(params=["local", "redis"])
def counters(request):
    """Both ways to count."""
    return LocalCounters() if request.param == "local" else request.getfixturevalue("redis")


async def statuses(counters, name: str, limits: list[Limit], count: int) -> list[bool]:
    return [(await counters.take(name, limits)).refused for _ in range(count)]


async def test_a_window_holds_so_many(counters):
    """Each name has its own; the first refusal of a window is marked."""
    limits = [Limit(2, MINUTE)]
    verdicts = [await counters.take("a", limits) for _ in range(4)]

    assert [verdict.refused for verdict in verdicts] == [False, False, True, True]
    assert [verdict.remaining for verdict in verdicts] == [1, 0, 0, 0]
    assert [verdict.first for verdict in verdicts] == [False, False, True, False]
    assert all(1 <= verdict.reset_seconds <= 60 for verdict in verdicts)
    assert await statuses(counters, "b", limits, 3) == [False, False, True]


async def test_what_one_window_refuses_is_counted_in_none(counters):
    """Else a minute of hammering would use up the hour."""
    limits = [Limit(1, MINUTE), Limit(3, HOUR)]
    await statuses(counters, "a", limits, 10)

    verdict = await counters.take("a", [Limit(3, HOUR)])

    assert (verdict.refused, verdict.remaining) == (False, 1)


async def test_without_a_limit_nothing_is_counted(counters):
    """A limit of 0 is none."""
    assert await counters.take("a", [Limit(0, MINUTE)]) is None


async def test_windows_end(server, redis):
    """In Redis by expiry: no key stays."""
    limits = [Limit(1, 0.05)]
    assert await statuses(redis, "a", limits, 2) == [False, True]
    async with asyncio.timeout(20):
        while (await redis.take("a", limits)).refused:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        while server.ask("DBSIZE") != ":0\r\n":  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_processes_share_a_limit_exactly(server, redis):
    """Many requests at once through two clients: not one more than allowed."""
    client = RedisClient(server.url)
    other = RedisCounters(client)
    try:
        verdicts = await asyncio.gather(
            *(counters.take("a", [Limit(25, MINUTE)]) for counters in (redis, other) for _ in range(40))
        )
    finally:
        await client.close()

    assert sum(not verdict.refused for verdict in verdicts) == 25
    assert sum(verdict.first for verdict in verdicts) == 1


async def test_limits_hold_in_each_process_while_redis_is_away():
    """And are shared again when it is back; in between nobody waits for it."""
    clock = Clock()
    with redis_server.running() as server:
        client = RedisClient(server.url, clock=clock)
        counters = RedisCounters(client)
        limits = [Limit(2, MINUTE)]
        assert await statuses(counters, "a", limits, 1) == [False]

        server.kill()
        assert await statuses(counters, "a", limits, 3) == [False, False, True]

        server.start()
        assert await statuses(counters, "a", limits, 1) == [True]  # it is not asked yet
        clock.now += PAUSE_SECONDS
        assert await statuses(counters, "a", limits, 3) == [False, False, True]
        await client.close()


async def test_ended_sessions_are_known_to_other_processes_at_once_and_survive_redis(store):
    """One that has just asked would believe a session for seconds; PostgreSQL knows when Redis forgot."""
    with redis_server.running() as server:
        clients = [RedisClient(server.url) for _ in range(2)]
        one, other = (SharedDenyList(client, StoredDenyList()) for client in clients)
        before = await other.denied("s")
        await one.deny("s", timedelta(minutes=5))
        told = await other.denied("s")
        server.kill()
        await one.deny("t", timedelta(minutes=5))
        fresh = SharedDenyList(clients[1], StoredDenyList())

        assert (before, told) == (False, True)
        assert [await fresh.denied(name) for name in ("s", "t", "u")] == [True, True, False]
        for client in clients:
            await client.close()
