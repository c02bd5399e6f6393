"""The bucket behind the rate limits, with a clock of the test's own."""

from __future__ import annotations

from api.layers import rate_limits
from api.layers.rate_limits import Bucket, Limit


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_window_begins_with_the_first_request_and_ends_for_good() -> None:
    clock = Clock()
    bucket = Bucket(Limit(2, 60), clock)

    assert [bucket.take("a").refused for _ in range(3)] == [False, False, True]
    clock.now += 59.5
    assert bucket.take("a").reset_seconds == 1
    assert bucket.take("a").refused
    clock.now += 0.5
    assert bucket.take("a").remaining == 1


def test_keys_do_not_share_a_window() -> None:
    bucket = Bucket(Limit(1, 60), Clock())

    assert not bucket.take("a").refused
    assert not bucket.take("b").refused


def test_a_flood_of_keys_does_not_fill_the_memory(monkeypatch) -> None:
    monkeypatch.setattr(rate_limits, "MAXIMUM_KEYS", 10)
    clock = Clock()
    bucket = Bucket(Limit(1, 60), clock)
    for number in range(35):
        bucket.take(str(number))

    assert len(bucket._windows) <= 10
