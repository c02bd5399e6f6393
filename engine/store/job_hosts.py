"""What jobs did on each host: counted in the transaction that writes the events, and kept beyond them."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from engine.domain.events import EventKind, RunEvent
from engine.domain.recaps import COUNTS, HostStatus, HostTally, tallies
from engine.store import database, records, rows

SLOWEST = 10  # kept per phase

#: A host's status is derived, so that it is right however its job ended.
_STATUS = """
    CASE WHEN job_host.lost IS NOT NULL THEN job_host.lost
         WHEN job_host.ok + job_host.skipped + job_host.failed + job_host.unreachable = 0 THEN 'pending'
         WHEN job.status = 'running' THEN 'running'
         WHEN job_host.changed > 0 THEN 'changed' ELSE 'ok' END"""
_VIEW = f"""
    SELECT job_host.host, {_STATUS} AS status, job_host.because,
        {", ".join(f"job_host.{name}" for name in COUNTS)}, job_host.duration_seconds, job_host.phase,
        job_host.task, CASE WHEN job_host.lost IS NOT NULL THEN job_host.failure END AS failure,
        CASE WHEN job_host.lost IS NOT NULL THEN job_host.failed_task END AS failed_task,
        job_host.last_sequence
    FROM job_host JOIN job ON job.id = job_host.job_id"""
_ORDER = "ORDER BY job_host.position, job_host.host"


class HostView(msgspec.Struct, frozen=True, kw_only=True):
    """A host of a job as it is shown."""

    host: str
    status: HostStatus
    because: str
    ok: int
    changed: int
    failed: int
    unreachable: int
    skipped: int
    rescued: int
    ignored: int
    duration_seconds: float
    phase: str | None
    task: str | None
    failure: str | None
    failed_task: str | None
    last_sequence: int


async def add(job_id: uuid.UUID, hosts: Sequence[tuple[str, str]]) -> None:
    """Write the hosts (name, why) that a job works on, in their order; those that are there stay."""
    sql = """
        INSERT INTO job_host (job_id, host, because, position)
        SELECT $1, host, because, position::integer
        FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS given (host, because, position)
        ON CONFLICT (job_id, host) DO NOTHING"""
    await database.fetch(sql, job_id, [host for host, _ in hosts], [because for _, because in hosts])


async def count(job_id: uuid.UUID, fresh: Sequence[RunEvent]) -> None:
    """Count events that were not counted before; call it in the transaction that writes them."""
    found = tallies(fresh)
    if found:
        await _add_up(job_id, found)
    for event in fresh:
        if event.kind is EventKind.RECAP:
            await _correct(job_id, event)
    await _keep_slowest(job_id, fresh)


async def _add_up(job_id: uuid.UUID, found: Mapping[str, HostTally]) -> None:
    tallied = list(found.values())
    columns: list[Sequence[Any]] = [[rows.storable(host) for host in found]]
    columns += [[getattr(tally, name) for tally in tallied] for name in COUNTS]
    columns += [
        [tally.duration_seconds for tally in tallied],
        [tally.lost for tally in tallied],
        [rows.storable(tally.phase) for tally in tallied],
        [rows.storable(tally.task) for tally in tallied],
        [rows.storable(tally.failure) for tally in tallied],
        [rows.storable(tally.failed_task) for tally in tallied],
        [tally.last_sequence for tally in tallied],
    ]
    names = (
        "host",
        *COUNTS,
        "duration_seconds",
        "lost",
        "phase",
        "task",
        "failure",
        "failed_task",
        "last_sequence",
    )
    kinds = ["text", *["integer"] * len(COUNTS), "double precision", *["text"] * 5, "bigint"]
    given = ", ".join(f"${place}::{kind}[]" for place, kind in enumerate(kinds, start=2))
    sums = ", ".join(f"{name} = job_host.{name} + excluded.{name}" for name in (*COUNTS, "duration_seconds"))
    # What lost a host stays, until something else loses it after it had answered again.
    kept = "job_host.lost IS NOT NULL OR excluded.failure IS NULL"
    sql = f"""
        INSERT INTO job_host (job_id, position, {", ".join(names)})
        SELECT $1, {2**31 - 1}, {", ".join(names)} FROM unnest({given}) AS given ({", ".join(names)})
        ON CONFLICT (job_id, host) DO UPDATE SET {sums},
            failure = CASE WHEN {kept} THEN coalesce(job_host.failure, excluded.failure)
                ELSE excluded.failure END,
            failed_task = CASE WHEN {kept} THEN coalesce(job_host.failed_task, excluded.failed_task)
                ELSE excluded.failed_task END,
            lost = excluded.lost, phase = coalesce(excluded.phase, job_host.phase),
            task = coalesce(excluded.task, job_host.task), last_sequence = excluded.last_sequence"""
    await database.fetch(sql, job_id, *columns)


async def _correct(job_id: uuid.UUID, recap: RunEvent) -> None:
    """Ansible's own statistics know what was rescued and what was ignored; they have the last word."""
    hosts = recap.data.get("hosts")
    told = {host: counts for host, counts in (hosts or {}).items() if isinstance(counts, dict)}
    columns = [[int(counts.get(name) or 0) for counts in told.values()] for name in COUNTS]
    given = ", ".join(f"${place}::integer[]" for place in range(4, 4 + len(COUNTS)))
    sets = ", ".join(f"{name} = given.{name}" for name in COUNTS)
    sql = f"""
        UPDATE job_host SET {sets}, last_sequence = $3,
            lost = CASE WHEN given.unreachable > 0 THEN 'unreachable'
                        WHEN given.failed > 0 THEN 'failed' END
        FROM unnest($2::text[], {given}) AS given (host, {", ".join(COUNTS)})
        WHERE job_host.job_id = $1 AND job_host.host = given.host"""
    await database.fetch(sql, job_id, [rows.storable(host) for host in told], recap.sequence, *columns)


async def _keep_slowest(job_id: uuid.UUID, fresh: Iterable[RunEvent]) -> None:
    """Of every phase the few slowest tasks so far: others are not written, and what is overtaken goes."""
    phases: dict[str, list[tuple[float, RunEvent]]] = {}
    for event in fresh:
        if event.host and event.task and event.duration_seconds:
            phases.setdefault(event.phase or "", []).append((event.duration_seconds, event))
    if not phases:
        return
    slowest = [
        event
        for timed in phases.values()
        for _, event in sorted(timed, key=lambda pair: (-pair[0], pair[1].sequence))[:SLOWEST]
    ]
    sql = """
        INSERT INTO slow_task (job_id, sequence, phase, task, role, host, seconds)
        SELECT $1, given.* FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[],
            $7::double precision[]) AS given (sequence, phase, task, role, host, seconds)
        WHERE given.seconds > coalesce((
            SELECT kept.seconds FROM slow_task AS kept WHERE kept.job_id = $1 AND kept.phase = given.phase
            ORDER BY kept.seconds DESC, kept.sequence OFFSET $8 LIMIT 1), 0)
        ON CONFLICT (job_id, sequence) DO NOTHING RETURNING phase"""
    written = await database.fetch(
        sql,
        job_id,
        [event.sequence for event in slowest],
        [rows.storable(event.phase or "") for event in slowest],
        [rows.storable(event.task) for event in slowest],
        [rows.storable(event.role) for event in slowest],
        [rows.storable(event.host) for event in slowest],
        [event.duration_seconds for event in slowest],
        SLOWEST - 1,
    )
    if not written:
        return
    sql = """
        DELETE FROM slow_task WHERE id IN (
            SELECT id FROM (
                SELECT id, row_number() OVER (PARTITION BY phase ORDER BY seconds DESC, sequence) AS place
                FROM slow_task WHERE job_id = $1 AND phase = ANY($2::text[])) AS placed
            WHERE place > $3)"""
    await database.fetch(sql, job_id, list({row["phase"] for row in written}), SLOWEST)


async def page(
    job_id: uuid.UUID, *, statuses: Sequence[HostStatus] | None, offset: int, limit: int
) -> tuple[list[HostView], int]:
    """Hosts of a job in the order of the cluster's nodes, and how many in all."""
    wanted = None if statuses is None else [status.value for status in statuses]
    where = f"WHERE job_host.job_id = $1 AND ($2::text[] IS NULL OR {_STATUS} = ANY($2))"
    counted = await database.fetch_one(
        f"SELECT count(*) AS n FROM job_host JOIN job ON job.id = job_host.job_id {where}",
        job_id,
        wanted,
    )
    sql = f"{_VIEW} {where} {_ORDER} OFFSET $3 LIMIT $4"
    found = await rows.many(HostView, sql, job_id, wanted, offset, limit)
    return found, counted["n"] if counted else 0


async def of_job(job_id: uuid.UUID) -> list[HostView]:
    """All hosts of a job."""
    return await rows.many(HostView, f"{_VIEW} WHERE job_host.job_id = $1 {_ORDER}", job_id)


async def slowest(job_id: uuid.UUID) -> list[records.SlowTask]:
    """The slowest tasks of every phase of a job, slowest first."""
    sql = "SELECT * FROM slow_task WHERE job_id = $1 ORDER BY seconds DESC, sequence"
    return await rows.many(records.SlowTask, sql, job_id)
