"""Who is held for dead: nobody who shows life, whatever any clock says."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from engine.domain.errors import MisconfiguredServer
from engine.domain.leases import LeaseTimes
from engine.domain.statuses import JobStatus, JobType
from engine.processes.burial import LeaseWatch
from engine.store import records

LONG_AGO = datetime(1999, 1, 1, tzinfo=UTC)
FAR_AHEAD = datetime(2099, 1, 1, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def watch(clock):
    return LeaseWatch(clock)


def running(lease_until: datetime | None = LONG_AGO, lease_seconds: float = 10.0) -> records.Job:
    return records.Job(
        cluster_id=uuid.uuid4(),
        type=JobType.PROVISION,
        requested_by=None,
        requested_by_email="a@b.c",
        status=JobStatus.RUNNING,
        attempt=1,
        lease_until=lease_until,
        lease_seconds=lease_seconds,
    )


@pytest.mark.parametrize("lease_until", [LONG_AGO, FAR_AHEAD, None])
def test_a_run_is_silent_after_a_whole_lease_without_change_whatever_the_lease_says(
    watch, clock, lease_until
):
    job = running(lease_until)
    assert watch.silent([job]) == []
    clock.now = 9.9
    assert watch.silent([job]) == []
    clock.now = 10.0
    assert watch.silent([job]) == [job]


@pytest.mark.parametrize("jump", [timedelta(days=-400), timedelta(seconds=5), timedelta(days=400)])
def test_any_change_is_life_also_one_into_the_past(watch, clock, jump):
    job = running()
    watch.silent([job])
    clock.now = 9.0
    renewed = msgspec.structs.replace(job, lease_until=LONG_AGO + jump)
    watch.silent([renewed])
    clock.now = 18.9
    assert watch.silent([renewed]) == []
    clock.now = 19.0
    assert watch.silent([renewed]) == [renewed]


def test_a_watch_that_was_paused_itself_accuses_nobody_who_lived_meanwhile(watch, clock):
    job = running()
    watch.silent([job])
    clock.now = 5000.0
    assert watch.silent([msgspec.structs.replace(job, lease_until=FAR_AHEAD)]) == []


def test_each_run_has_its_own_lease_and_another_attempt_counts_from_its_start(watch, clock):
    short, long = running(lease_seconds=2.0), running(lease_seconds=180.0)
    watch.silent([short, long])
    clock.now = 3.0
    assert watch.silent([short, long]) == [short]
    again = msgspec.structs.replace(short, attempt=2)
    assert watch.silent([again, long]) == []


@pytest.mark.parametrize("lease", [2.0, 6.0, 60.0, 180.0, 3600.0])
def test_times_follow_from_the_lease_in_their_order(lease):
    times = LeaseTimes.of(lease)
    assert 2 * times.renew <= times.patience < times.leash < times.lease == lease


def test_the_usual_times_are_those_of_the_usual_lease():
    assert LeaseTimes() == LeaseTimes.of(180.0)


@pytest.mark.parametrize(
    "wrong", [{"lease": 160.0}, {"patience": 170.0}, {"renew": 100.0}, {"renew": 0.0}, {"leash": 200.0}]
)
def test_times_out_of_order_are_refused(wrong):
    with pytest.raises(MisconfiguredServer, match="lease of"):
        LeaseTimes(**wrong)


def test_a_lease_that_is_too_short_is_refused_by_its_name():
    with pytest.raises(MisconfiguredServer, match="KEELYARD_LEASE_SECONDS"):
        LeaseTimes.of(1.0)
