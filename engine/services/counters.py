"""Counting in windows of time: in this process, or in Redis for all API processes together.

A window begins with the first count of its subject. What one window refuses is counted in none.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from engine.clients.redis import RedisClient, RedisUnavailable

MAXIMUM_KEYS = 50_000
PREFIX = "keelyard:limit"

_SCRIPT = """
local answers, refused = {}, false
for place, key in ipairs(KEYS) do
    local count, window = tonumber(ARGV[2 * place - 1]), tonumber(ARGV[2 * place])
    local used, left = tonumber(redis.call('GET', key) or '0'), redis.call('PTTL', key)
    if left < 0 then
        used, left = 0, window
        redis.call('DEL', key)
    end
    if used >= count then refused = true end
    answers[place] = {used, left}
end
for place, key in ipairs(KEYS) do
    local count = tonumber(ARGV[2 * place - 1])
    local used, left = answers[place][1], answers[place][2]
    -- One above the limit remembers that a refusal was told already.
    if (not refused) or used == count then redis.call('SET', key, used + 1, 'PX', left) end
end
return answers
"""


class Limit(msgspec.Struct, frozen=True):
    """So many in so many seconds; none when `count` is 0."""

    count: int
    seconds: float


class Verdict(msgspec.Struct, frozen=True):
    """What the windows of a subject say to one count of it: the tightest of them."""

    limit: int
    remaining: int
    reset_seconds: int
    refused: bool = False
    first: bool = False  # the first refusal of its window


class Counters(Protocol):
    """Counts of subjects, each under its own name: `login:provisioner:192.0.2.1`."""

    async def take(self, name: str, limits: Sequence[Limit]) -> Verdict | None:
        """Count one of a subject in every window; None when nothing limits it."""
        ...


class LocalCounters:
    """Counts in this process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._windows: dict[tuple[str, float], tuple[float, int]] = {}  # until when, how many

    async def take(self, name: str, limits: Sequence[Limit]) -> Verdict | None:
        """See Counters."""
        now = self._clock()
        effective = [limit for limit in limits if limit.count > 0]
        found = [self._window((name, limit.seconds), now) for limit in effective]
        refused = any(used >= limit.count for limit, (_, used) in zip(effective, found, strict=True))
        for limit, (until, used) in zip(effective, found, strict=True):
            if not refused or used == limit.count:
                self._keep((name, limit.seconds), (until, used + 1), now)
        return _verdict(effective, [(used, until - now) for until, used in found])

    def _window(self, key: tuple[str, float], now: float) -> tuple[float, int]:
        until, used = self._windows.get(key, (now, 0))
        return (until, used) if until > now else (now + key[1], 0)

    def _keep(self, key: tuple[str, float], window: tuple[float, int], now: float) -> None:
        if key not in self._windows and len(self._windows) >= MAXIMUM_KEYS:
            # What has run out goes; when a flood of names leaves nothing to drop, everything.
            live = {known: kept for known, kept in self._windows.items() if kept[0] > now}
            self._windows = live if len(live) < MAXIMUM_KEYS else {}
        self._windows[key] = window


class RedisCounters:
    """Counts in Redis, atomically; while Redis is away, in this process, so that limits hold all the same."""

    def __init__(self, client: RedisClient) -> None:
        self._client = client
        self._meanwhile = LocalCounters()

    async def take(self, name: str, limits: Sequence[Limit]) -> Verdict | None:
        """See Counters."""
        effective = [limit for limit in limits if limit.count > 0]
        if not effective:
            return None
        # The braces keep the windows of a subject on one node of a Redis cluster.
        keys = [f"{PREFIX}:{{{name}}}:{limit.seconds:g}" for limit in effective]
        arguments = [number for limit in effective for number in (limit.count, int(limit.seconds * 1000))]
        try:
            answers = await self._client.run(_SCRIPT, keys, arguments)
        except RedisUnavailable:
            return await self._meanwhile.take(name, limits)
        return _verdict(effective, [(int(used), int(left) / 1000) for used, left in answers])


def of(client: RedisClient | None) -> Counters:
    """What API processes with this Redis, or without one, count with."""
    return LocalCounters() if client is None else RedisCounters(client)


def _verdict(limits: Sequence[Limit], before: Sequence[tuple[int, float]]) -> Verdict | None:
    """The tightest of the windows, from what each held before this count and how long it still lasts."""
    verdicts = [
        Verdict(
            limit.count,
            max(0, limit.count - used - 1),
            max(1, math.ceil(left)),
            refused=used >= limit.count,
            first=used == limit.count,
        )
        for limit, (used, left) in zip(limits, before, strict=True)
    ]
    refusing = [verdict for verdict in verdicts if verdict.refused]
    if refusing:
        return max(refusing, key=lambda verdict: verdict.reset_seconds)
    return min(verdicts, key=lambda verdict: verdict.remaining, default=None)
