"""What must be true when it is over, whatever was killed: in the database, on the nodes, on this machine."""

from __future__ import annotations

import collections
import contextlib
import time
from pathlib import Path

import psutil
import psycopg

from engine.domain.statuses import FINAL_JOB_STATUSES, JobStatus
from engine.execution import run_directory, termination
from tests.bench.chaos.nodes import PHASES, STEPS
from tests.bench.chaos.nodes import Site as Nodes
from tests.bench.chaos.site import Site

SETTLE_SECONDS = 60
_STEP = "SELECT task FROM event WHERE job_id = %s AND kind = 'host_changed' ORDER BY sequence"


def problems(site: Site, nodes: Nodes) -> list[str]:
    """Everything that should not be; empty when all holds."""
    with site.database() as database:
        jobs = database.execute(
            "SELECT job.id::text, job.status, last_sequence, cluster.name, retry_of FROM job"
            " JOIN cluster ON cluster.id = cluster_id ORDER BY job.created_at"
        ).fetchall()
        found = [f"job {job[0]} is {job[1]}" for job in jobs if job[1] not in FINAL_JOB_STATUSES]
        for job, status, last, _, retry_of in jobs:
            found += _events(database, job, status, last, whole=retry_of is None)
        found += _ledgers(database, nodes)
        found += _stuck(database)
    return found + _machine(site, {job[0] for job in jobs})


def totals(site: Site) -> dict[str, int]:
    """How much there was."""
    with site.database() as database:
        row = database.execute("SELECT (SELECT count(*) FROM job), (SELECT count(*) FROM event)").fetchone()
    assert row is not None
    return {"jobs": row[0], "events": row[1]}


def _events(database: psycopg.Connection, job: str, status: str, last: int, *, whole: bool) -> list[str]:
    """A log without gap or double; the first event first, the last one last; of a success, every step."""
    rows = database.execute(
        "SELECT sequence, kind, data->>'status' FROM event WHERE job_id = %s ORDER BY sequence", (job,)
    ).fetchall()
    found = []
    if [row[0] for row in rows] != list(range(1, last + 1)):
        found.append(f"job {job} ({status}): {len(rows)} events, but its last sequence is {last}")
    if not rows or (rows[-1][1], rows[-1][2]) != ("job_finished", status):
        found.append(f"job {job} ({status}) does not end with its status")
    if sum(row[1] == "job_finished" for row in rows) > 1:
        found.append(f"job {job} ended more than once")
    steps = [int(row[0].split()[1]) for row in database.execute(_STEP, (job,))]
    if steps != sorted(set(steps)):
        found.append(f"job {job}: its steps are {steps}")
    every = list(range(1, len(PHASES) * STEPS + 1))
    if status == JobStatus.SUCCESS and steps != (every if whole else every[len(every) - len(steps) :]):
        found.append(f"job {job} succeeded with the steps {steps}")
    return found


def _ledgers(database: psycopg.Connection, nodes: Nodes) -> list[str]:
    """On a node no step of a job happened twice, no two jobs at once, and none that the log does not know.

    What was under way when a run was ended may be on the node alone; more than that only when its supervisor
    died, which may have been paused before.
    """
    found = []
    for ledger in sorted(nodes.ledgers.iterdir()):
        lines = [line.split() for line in ledger.read_text().splitlines()]
        doubled = [line for line, times in collections.Counter(map(tuple, lines)).items() if times > 1]
        found += [f"{ledger.name}: step {step} of job {job} was done twice" for job, step in doubled]
        runs = [job for place, (job, _) in enumerate(lines) if place == 0 or lines[place - 1][0] != job]
        found += [
            f"{ledger.name}: job {job} went on after another had begun"
            for job, times in collections.Counter(runs).items()
            if times > 1
        ]
        for job in dict.fromkeys(runs):
            found += _told(database, ledger, job, [int(step) for owner, step in lines if owner == job])
    return found


def _told(database: psycopg.Connection, ledger: Path, job: str, done: list[int]) -> list[str]:
    told = [int(row[0].split()[1]) for row in database.execute(_STEP, (job,))]
    row = database.execute("SELECT status FROM job WHERE id = %s", (job,)).fetchone()
    untold = {JobStatus.SUCCESS: 0, JobStatus.INTERRUPTED: len(done)}
    if done[: len(told)] != told or len(done) - len(told) > untold.get(JobStatus(row[0] if row else ""), 1):
        return [f"{ledger.name}: job {job} did {done}, its events tell {told}"]
    return []


def _stuck(database: psycopg.Connection) -> list[str]:
    advisory = database.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").fetchone()
    leases = database.execute("SELECT count(*) FROM job WHERE lease_until IS NOT NULL").fetchone()
    assert advisory is not None
    assert leases is not None
    found = []
    if advisory[0]:
        found.append(f"{advisory[0]} advisory locks are held")
    if leases[0]:
        found.append(f"{leases[0]} jobs have a lease")
    return found


def _machine(site: Site, jobs: set[str]) -> list[str]:
    """Processes, directories, locks, spools and mounts of any run, after a moment in which they may go."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while (left := _left(site, jobs)) and time.monotonic() < deadline:
        time.sleep(0.5)
    return left


def _left(site: Site, jobs: set[str]) -> list[str]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            environment = process.environ()
            run = environment.get(termination.MARKER) or environment.get(termination.NODE_MARKER)
            if run in jobs:
                found.append(f"process {process.pid} of job {run}: {' '.join(process.cmdline())[:100]}")
    found += [f"process {process.pid} is left" for process in site.supervisors()]
    for job in jobs:
        if run_directory.path_of(job).exists():
            found.append(f"run directory of job {job}")
    for home in (site.home, *site.homes):
        for name in ("spool", "locks", "runs"):
            found += [f"{path}" for path in sorted((home / name).glob("*"))]
    mounts = Path("/proc/self/mounts").read_text()
    found += [f"a mount of job {job}" for job in jobs if job in mounts]
    return found
