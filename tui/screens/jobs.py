"""All jobs, newest first."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text

from tui import messages, text, wire
from tui.nouns import Noun
from tui.screens.job import JobScreen
from tui.screens.listing import ListScreen
from tui.widgets.row_table import Column, Row

DONE = frozenset({"succeeded", "skipped"})


def job_row(job: wire.Job) -> Row:
    """A job as a line of a list."""
    done = sum(phase.status in DONE for phase in job.phases)
    return Row(
        job.id,
        (
            text.plain(job.type),
            text.plain(job.cluster_name),
            text.status(job.status, works=True),
            Text(f"{done}/{len(job.phases)}" if job.phases else ""),
            Text(text.span(job.started_at, job.finished_at)),
            Text(text.ago(job.created_at)),
        ),
    )


JOB_COLUMNS = (
    Column("type", "JOB", 11),
    Column("cluster", "CLUSTER", 16),
    Column("status", "STATUS", 12),
    Column("phases", "PHASES", 7),
    Column("took", "TOOK", 7),
    Column("created", "CREATED", 11),
)


class JobsScreen(ListScreen[wire.Job]):
    """One line per job; enter opens it."""

    LISTENS_TO: ClassVar[frozenset[str]] = frozenset({"jobs"})
    HEADING: ClassVar[str] = "jobs"
    COLUMNS: ClassVar = JOB_COLUMNS
    EMPTY: ClassVar[str] = "No jobs yet. Open a cluster (:clusters) and press p to provision it."

    async def fetch_page(self, page: int) -> tuple[int, int, list[wire.Job]]:
        """One page of jobs."""
        answer = await self.client.jobs(page)
        return answer.total, answer.total_pages, answer.data

    def row(self, thing: wire.Job) -> Row:
        """Type, cluster, status, phases done, duration, age."""
        return job_row(thing)

    def open(self, key: str) -> None:
        """Into the job."""
        self.app.post_message(messages.Open("jobs", key))


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
            "GET /api/v1/jobs/{job_id}",
            "GET /api/v1/jobs/{job_id}/events",
            "GET /api/v1/jobs/{job_id}/hosts",
        ),
        "job.cancel": ("POST /api/v1/jobs/{job_id}/cancel",),
        "job.log": ("GET /api/v1/jobs/{job_id}/log",),
        "job.plan": ("GET /api/v1/jobs/{job_id}/plan",),
        "job.retry": ("POST /api/v1/jobs/{job_id}/retry",),
        "job.retry-all": ("POST /api/v1/jobs/{job_id}/retry",),
        "job.slowest": ("GET /api/v1/jobs/{job_id}/tasks",),
    },
)
