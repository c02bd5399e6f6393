"""Bodies of the overview."""

from __future__ import annotations

from datetime import datetime

from api.schemas.common import Reply


class Subject(Reply):
    """What something is about: a collection of the API, the id there, and the name for people.

    A worker's id is its name; noun and id are empty for what has no address of its own.
    """

    noun: str
    id: str
    name: str


class Attention(Reply):
    """One thing that wants somebody.

    `id` stays the same for as long as the trouble does. `severity` is `critical`, `warning`, `unknown`
    (nobody knows) or `notice`; `what` says the kind in one word, such as a job's type or a condition.
    `action` is what the caller can ask for at once: `retry` the job, `resume` the worker, `verify` the
    cluster; null for none.
    """

    id: str
    kind: str
    severity: str
    what: str
    subject: Subject
    message: str
    since: datetime | None
    action: str | None


class RunningJob(Reply):
    """A job that runs: the phase it is in, how far it is in per cent, and when it should be through."""

    id: str
    type: str
    cluster_id: str
    cluster_name: str
    phase: str | None
    phases_done: int
    phases: int
    progress: int
    started_at: datetime | None
    estimated_finish_at: datetime | None


class WorkerUse(Reply):
    """A worker, with what is taken of what it offers."""

    name: str
    state: str
    jobs: int
    forks: int
    forks_used: int


class Overview(Reply):
    """Everything at a glance, as it was `at` that moment by the database's clock.

    Deleted clusters and removed nodes are left out; jobs and clusters are those of the caller's tenants,
    workers are everybody's. `running` and `attention` have 200 entries at most; the counts are of all.
    """

    at: datetime
    attention: list[Attention]
    attention_count: int
    running: list[RunningJob]
    running_count: int
    queued_count: int
    clusters: dict[str, int]
    clusters_count: int
    nodes: dict[str, int]
    nodes_count: int
    workers: list[WorkerUse]
