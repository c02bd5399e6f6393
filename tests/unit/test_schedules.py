"""When a job is due: cron's own rules through changes of the clock, and what is made of missed times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest

from engine.domain import schedules
from engine.domain.schedules import MissedRunPolicy
from engine.domain.statuses import JobType

BERLIN = "Europe/Berlin"
SKIP, ONCE = MissedRunPolicy.SKIP, MissedRunPolicy.RUN_ONCE


def local(cron: str, start: str, count: int) -> list[str]:
    after = datetime.fromisoformat(start).replace(tzinfo=ZoneInfo(BERLIN))
    found = islice(schedules.times(cron, BERLIN, after), count)
    return [f"{due.astimezone(ZoneInfo(BERLIN)):%d %H:%M %z}" for due in found]


def test_a_time_that_does_not_exist_runs_once_right_after_the_change():
    assert local("30 2 * * *", "2026-03-28T12:00", 2) == ["29 03:00 +0200", "30 02:30 +0200"]


def test_a_time_that_exists_twice_runs_once():
    assert local("30 2 * * *", "2026-10-24T12:00", 2) == ["25 02:30 +0200", "26 02:30 +0100"]


def test_asked_inside_the_repeated_hour_a_served_time_is_not_due_again():
    second = datetime(2026, 10, 25, 2, 10, tzinfo=ZoneInfo(BERLIN), fold=1)

    assert schedules.next_time("30 2 * * *", BERLIN, second) == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)


def test_every_hour_means_every_hour_through_both_changes():
    assert local("0 * * * *", "2026-10-25T00:30", 4) == [
        "25 01:00 +0200",
        "25 02:00 +0200",
        "25 02:00 +0100",
        "25 03:00 +0100",
    ]
    assert local("0 * * * *", "2026-03-29T00:30", 3) == [
        "29 01:00 +0100",
        "29 03:00 +0200",
        "29 04:00 +0200",
    ]


@pytest.mark.parametrize(
    ("cron", "zone", "job_type", "fields"),
    [
        ("0 2 * * *", BERLIN, JobType.PROVISION, []),
        ("61 * * * *", BERLIN, JobType.PROVISION, ["cron"]),
        ("* * * * * *", BERLIN, JobType.PROVISION, ["cron"]),
        ("@daily", "UTC", JobType.PROVISION, ["cron"]),
        ("0 0 30 2 *", "UTC", JobType.PROVISION, ["cron"]),
        ("0  2 * * *", "UTC", JobType.PROVISION, ["cron"]),
        ("", "", JobType.PROVISION, ["cron", "time_zone"]),
        ("0 2 * * *", "Europe", JobType.PROVISION, ["time_zone"]),
        ("0 2 * * *", "../../etc/passwd", JobType.PROVISION, ["time_zone"]),
        ("0 2 * * *", "Nowhere/Atlantis", JobType.PROVISION, ["time_zone"]),
        ("0 2 * * *", "UTC\0", JobType.PROVISION, ["time_zone"]),
        ("0 2 * * *", BERLIN, JobType.DEPROVISION, ["job_type"]),
    ],
)
def test_what_does_not_fit_is_named_by_its_field(cron, zone, job_type, fields):
    assert [problem.field for problem in schedules.problems(cron, zone, job_type)] == fields


FIRST = datetime(2026, 6, 1, 1, 0, tzinfo=UTC)


def test_a_due_time_that_is_only_late_is_served():
    due = schedules.look("0 * * * *", "UTC", SKIP, FIRST, FIRST + timedelta(minutes=4))

    assert (due.fire, due.missed, due.following) == (FIRST, None, FIRST + timedelta(hours=1))


@pytest.mark.parametrize(
    ("policy", "fired", "missed"), [(SKIP, None, (0, 3, 4)), (ONCE, 3, (0, 2, 3))], ids=["skip", "run once"]
)
def test_times_that_passed_unseen_are_missed_and_the_policy_decides_what_follows(policy, fired, missed):
    now = FIRST + timedelta(hours=3, minutes=30)

    due = schedules.look("0 * * * *", "UTC", policy, FIRST, now)

    hours = [FIRST + timedelta(hours=hour) for hour in range(5)]
    assert due.fire == (None if fired is None else hours[fired])
    assert due.missed == (hours[missed[0]], hours[missed[1]], missed[2])
    assert due.following == hours[4]


def test_a_year_away_is_counted_up_to_a_limit_and_goes_on_from_now():
    now = FIRST + timedelta(days=365, seconds=30)

    due = schedules.look("* * * * *", "UTC", ONCE, FIRST, now)

    assert due.missed is not None
    assert due.missed[2] == schedules.MAXIMUM_COUNTED - 1
    assert due.fire == now - timedelta(seconds=30)
    assert due.following == now + timedelta(seconds=30)


def test_the_preview_tells_both_clocks():
    [(in_utc, there), *rest] = schedules.preview("0 2 * * *", BERLIN, FIRST)

    assert (in_utc, there.isoformat()) == (
        datetime(2026, 6, 2, 0, 0, tzinfo=UTC),
        "2026-06-02T02:00:00+02:00",
    )
    assert len(rest) == 4
