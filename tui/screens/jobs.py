"""All jobs, newest first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from rich.text import Text
from textual import work
from textual.binding import Binding, BindingType

from tui import messages, text, wire
from tui.client import Client
from tui.nouns import Noun
from tui.screens.bulk import BulkScreen
from tui.screens.job import JobScreen
from tui.widgets.row_table import Column, Row

DONE = frozenset({"succeeded", "skipped"})
ACTIVE = frozenset({"queued", "running"})
TYPES = ("", "provision", "deprovision", "plan", "verify", "harden", "scan", "rotate-encryption-key")
_BAR = 5


def progress(job: wire.Job) -> str:
    """How far a job is: a bar and per cent while it runs, phases done once it has ended early."""
    if job.status == "running":
        full = round(job.progress * _BAR / 100)
        return f"{'█' * full}{'░' * (_BAR - full)} {job.progress:>3}%"
    done = sum(phase.status in DONE for phase in job.phases)
    return f"{done}/{len(job.phases)}" if job.phases else ""


def left(job: wire.Job) -> str:
    """How long a running job is expected to take still."""
    seconds = job.estimated_seconds_left
    return f"~{text.duration(seconds)}" if isinstance(seconds, int) and job.status == "running" else ""


def job_row(job: wire.Job) -> Row:
    """A job as a line of a list."""
    created = text.aware(job.created_at).timestamp()
    started = text.aware(job.started_at) if job.started_at else None
    ended = text.aware(job.finished_at) if job.finished_at else text.now()
    return Row(
        job.id,
        (
            text.plain(job.type),
            text.plain(job.cluster_name),
            text.status(job.status, works=True),
            Text(progress(job)),
            Text(left(job)),
            Text(text.span(job.started_at, job.finished_at)),
            Text(text.ago(job.created_at)),
        ),
        {
            "created": created,
            "progress": float(job.progress),
            "took": (ended - started).total_seconds() if started else 0.0,
        },
    )


JOB_COLUMNS = (
    Column("type", "JOB", 11, "type"),
    Column("cluster", "CLUSTER", 12, "cluster"),
    Column("status", "STATUS", 11, "status"),
    Column("progress", "PROGRESS", 10),
    Column("left", "LEFT", 6),
    Column("took", "TOOK", 6, "duration"),
    Column("created", "CREATED", 9, "created_at"),
)


def _called(job: wire.Job) -> str:
    return f"{job.type} {job.cluster_name}"


class JobsScreen(BulkScreen[wire.Job]):
    """One line per job; enter opens it, keys act on the marked ones or on the one under the cursor."""

    LISTENS_TO: ClassVar[frozenset[str]] = frozenset({"jobs"})
    HEADING: ClassVar[str] = "jobs"
    COLUMNS: ClassVar = JOB_COLUMNS
    STATUSES: ClassVar = ("queued", "running", "success", "failed", "cancelled")
    SEARCHES: ClassVar[bool] = True
    EMPTY: ClassVar[str] = "No jobs yet. Open a cluster (:clusters) and press p to provision it."
    LEAST: ClassVar[Mapping[str, str]] = {"cancel": "operator", "retry": "operator"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("t", "next_type", "Type", id="jobs.type", tooltip="Show the next type of job alone"),
        Binding("c", "cluster", "Cluster", id="jobs.cluster", tooltip="Jobs of this cluster alone, or all"),
        Binding("x", "cancel", "Cancel", id="jobs.cancel", tooltip="Ask the jobs to stop"),
        Binding("r", "retry", "Retry", id="jobs.retry", tooltip="Resume them on what failed"),
    ]

    def __init__(self, client: Client) -> None:
        super().__init__(client)
        self._type = ""
        self._cluster: tuple[str, str] | None = None  # id and name

    def heading(self) -> str:
        """With what they are narrowed to."""
        of = f" of {text.one_line(self._cluster[1])}" if self._cluster else ""
        return f"{f'{self._type} ' if self._type else ''}jobs{of}"

    async def fetch_page(self, page: int) -> tuple[int, int, list[wire.Job]]:
        """One page of jobs."""
        where = {**self.wanted, **({"type": self._type} if self._type else {})}
        answer = await self.client.jobs(page, cluster_id=self._cluster[0] if self._cluster else None, **where)
        return answer.total, answer.total_pages, answer.data

    def row(self, thing: wire.Job) -> Row:
        """Type, cluster, status, progress, time left, duration, age."""
        return job_row(thing)

    def open(self, key: str) -> None:
        """Into the job."""
        self.app.post_message(messages.Open("jobs", key))

    def action_next_type(self) -> None:
        """Goes on to the next type; after the last to all."""
        self._type = TYPES[(TYPES.index(self._type) + 1) % len(TYPES)]
        self.page = 1
        self.load()

    def action_cluster(self) -> None:
        """Narrows to the cluster of the job under the cursor, or back to all."""
        job = self.subject()
        if self._cluster is not None:
            self._cluster = None
        elif job is not None:
            self._cluster = (job.cluster_id, job.cluster_name)
        self.page = 1
        self.load()

    @work(exclusive=True, group="act")
    async def action_cancel(self) -> None:
        """Asks, then asks each job to stop; those that have ended refuse."""
        jobs = self.targets()

        async def one(job: wire.Job) -> str:
            return (await self.client.cancel(job.id)).message

        names = [_called(job) for job in jobs]
        if await self.meant("Cancel", names, "In the queue at once, running as soon as it is safe."):
            await self.act("Cancel", jobs, _called, one)

    @work(exclusive=True, group="act")
    async def action_retry(self) -> None:
        """Resumes each on what failed; a single one's new job is opened."""
        jobs = self.targets()
        if len(jobs) == 1:
            with self.reporting():
                self.open((await self.client.retry(jobs[0].id)).job_id)
            return

        async def one(job: wire.Job) -> str:
            return f"job {(await self.client.retry(job.id)).job_id}"

        names = [_called(job) for job in jobs]
        if await self.agreed("Retry", names, "Each goes on where it stopped, on what failed."):
            await self.act("Retry", jobs, _called, one)


_ONE = "/api/v1/jobs/{job_id}"
NOUN = Noun(
    name="jobs",
    what="all jobs, newest first",
    screen=JobsScreen,
    detail=JobScreen,
    key="2",
    aliases=("jo", "job"),
    order=20,
    operations={
        "": (
            "GET /api/v1/jobs",
            f"GET {_ONE}",
            f"GET {_ONE}/events",
            f"GET {_ONE}/hosts",
        ),
        "jobs.cancel": (f"POST {_ONE}/cancel",),
        "jobs.retry": (f"POST {_ONE}/retry",),
        "job.cancel": (f"POST {_ONE}/cancel",),
        "job.retry": (f"POST {_ONE}/retry",),
        "job.retry-all": (f"POST {_ONE}/retry",),
        "job.slowest": (f"GET {_ONE}/tasks",),
        "job.log": (f"GET {_ONE}/log",),
        "job.plan": (f"GET {_ONE}/plan",),
    },
)
