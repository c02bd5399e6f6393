"""Schedules: when a job is due, told in a place's own time, and what becomes of a due time nobody served.

Times follow Debian's cron through changes of the clock: what a change forward leaves out runs at once after
it, what a change back repeats runs once, and expressions with a wildcard or step in minute or hour keep their
rhythm in real time (crontab(5), cron(8)).
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import msgspec
from cronsim import CronSim, CronSimError

from engine.domain.errors import FieldProblem
from engine.domain.statuses import JobType

#: A due time found later than this was missed; found earlier it is only late.
GRACE = timedelta(seconds=300)
#: Due times that one look counts at most; more are told as this many.
MAXIMUM_COUNTED = 1000
PREVIEW = 5

#: Job types that take something away: a person asks for them, never a clock.
DESTRUCTIVE = frozenset({JobType.DEPROVISION})
SCHEDULABLE = tuple(job_type for job_type in JobType if job_type not in DESTRUCTIVE)

_FIELDS = 5


class MissedRunPolicy(enum.StrEnum):
    """What follows when due times passed while no scheduler was up."""

    SKIP = "skip"  # nothing; the next due time is served
    RUN_ONCE = "run_once"  # one run for the latest of them, however many there were


class RunOutcome(enum.StrEnum):
    """What became of a due time."""

    STARTED = "started"
    MISSED = "missed"  # no scheduler was up
    SKIPPED = "skipped"  # a scheduler looked and had a reason not to start a job


class RunReason(enum.StrEnum):
    """Why a due time has no job."""

    NO_SCHEDULER = "no_scheduler"
    PREVIOUS_ACTIVE = "previous_active"
    CLUSTER_DELETED = "cluster_deleted"
    CLUSTER_LEAVING = "cluster_leaving"
    REFUSED = "refused"


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """The due times up to a moment: what to start, and what was missed."""

    fire: datetime | None  # serve this one now
    missed: tuple[datetime, datetime, int] | None  # first, last, how many
    following: datetime | None  # the first one after the moment


def problems(cron: str, time_zone: str, job_type: JobType) -> list[FieldProblem]:
    """What is wrong with a schedule, by field."""
    found = []
    if (wrong := _cron_problem(cron)) is not None:
        found.append(FieldProblem("cron", wrong))
    if not is_zone(time_zone):
        found.append(FieldProblem("time_zone", "must be an IANA time zone such as Europe/Berlin or UTC"))
    if job_type in DESTRUCTIVE:
        message = f"{job_type.value} takes a cluster's nodes apart: only a person may ask for it"
        found.append(FieldProblem("job_type", message))
    return found


def is_zone(name: str) -> bool:
    """Whether this machine's time zone data knows a name."""
    if not name or len(name) > 64:
        return False
    try:
        ZoneInfo(name)
    except (OSError, ValueError, KeyError):  # unknown, a directory of the database, or not a key at all
        return False
    return True


def _cron_problem(cron: str) -> str | None:
    fields = cron.split()
    if len(fields) != _FIELDS or len(cron) > 200 or cron != " ".join(fields):
        return "must be five fields, each followed by one space: minute hour day-of-month month day-of-week"
    try:
        next(CronSim(cron, datetime.now(UTC)))
    except CronSimError as error:
        return f"is not a cron expression: {str(error)[:1].lower()}{str(error)[1:]}"
    except StopIteration:
        return "never comes: no date fits it"
    return None


def times(cron: str, time_zone: str, after: datetime) -> Iterator[datetime]:
    """Due times after a moment, in UTC, in order and each once; ends when none comes any more."""
    last = after.astimezone(UTC)
    for due in CronSim(cron, after.astimezone(ZoneInfo(time_zone))):
        found = due.astimezone(UTC)
        if found > last:
            last = found
            yield found


def next_time(cron: str, time_zone: str, after: datetime) -> datetime | None:
    """The first due time after a moment, in UTC; None when none comes."""
    return next(times(cron, time_zone, after), None)


def preview(cron: str, time_zone: str, after: datetime) -> list[tuple[datetime, datetime]]:
    """The next due times, each in UTC and in the schedule's own zone."""
    zone = ZoneInfo(time_zone)
    return [(due, due.astimezone(zone)) for due in islice(times(cron, time_zone, after), PREVIEW)]


def look(cron: str, time_zone: str, policy: MissedRunPolicy, first: datetime, now: datetime) -> Due:
    """What is to be done about the due times from `first` (one of them) up to now.

    The latest is served when it is only late, or when the policy makes up for it; the others were missed.
    """
    passed, count, last, following = first, 1, first, None
    for due in times(cron, time_zone, first):
        if due > now:
            following = due
            break
        if count >= MAXIMUM_COUNTED:
            last, following = _around(cron, time_zone, last, now)
            break
        passed, last, count = last, due, count + 1
    late = now - last > GRACE
    if late and policy is MissedRunPolicy.SKIP:
        return Due(fire=None, missed=(first, last, count), following=following)
    missed = (first, passed, count - 1) if count > 1 else None
    return Due(fire=last, missed=missed, following=following)


def _around(cron: str, time_zone: str, last: datetime, now: datetime) -> tuple[datetime, datetime | None]:
    """The latest due time that is at most late, else `last`; and the first one to come."""
    for due in times(cron, time_zone, max(last, now - GRACE)):
        if due > now:
            return last, due
        last = due
    return last, None
