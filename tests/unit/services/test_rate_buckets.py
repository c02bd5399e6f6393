"""The counters behind the rate limits, with a clock of the test's own."""

from __future__ import annotations

import pytest

from engine.services import counters
from engine.services.counters import Limit, LocalCounters, Verdict


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def take(counted: LocalCounters, name: str, count: int) -> Verdict:
    verdict = await counted.take(name, [Limit(count, 60)])
    assert verdict is not None
    return verdict


async def test_a_window_begins_with_the_first_request_and_ends_for_good() -> None:
    clock = Clock()
    counted = LocalCounters(clock)

    assert [(await take(counted, "a", 2)).refused for _ in range(3)] == [False, False, True]
    clock.now += 59.5
    late = await take(counted, "a", 2)
    assert (late.reset_seconds, late.refused, late.first) == (1, True, False)
    clock.now += 0.5
    assert (await take(counted, "a", 2)).remaining == 1


async def test_names_do_not_share_a_window() -> None:
    counted = LocalCounters(Clock())

    assert not (await take(counted, "a", 1)).refused
    assert not (await take(counted, "b", 1)).refused


async def test_a_flood_of_names_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counters, "MAXIMUM_KEYS", 10)
    counted = LocalCounters(Clock())
    for number in range(35):
        await take(counted, str(number), 1)

    assert len(counted._windows) <= 10
