"""All workers: what they offer, what they carry, when they were last heard of."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import ClassVar

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from tui import messages, text, wire
from tui.client import Client
from tui.nouns import Noun
from tui.screens.dialogs import Confirm, TypeName
from tui.screens.jobs import JOB_COLUMNS, job_row
from tui.screens.listing import ListScreen
from tui.widgets.row_table import Column, Row, RowTable

_GIGABYTE = 1024


def memory(used_mb: int, total_mb: int) -> str:
    """Used of total, in gigabytes."""
    return f"{used_mb / _GIGABYTE:.1f}/{total_mb / _GIGABYTE:.0f}G"


def worker_row(worker: wire.Worker) -> Row:
    """A worker as a line of a list."""
    return Row(
        worker.name,
        (
            text.plain(worker.name),
            text.status(worker.state),
            Text(str(len(worker.jobs))),
            Text(f"{worker.forks_used}/{worker.forks}"),
            Text(memory(worker.memory_mb_used, worker.memory_mb)),
            text.plain(worker.version),
            Text(text.duration(worker.silent_seconds)),
        ),
    )


class WorkersScreen(ListScreen[wire.Worker]):
    """One line per worker; D drains it, u resumes it."""

    LISTENS_TO: ClassVar[frozenset[str]] = frozenset({"jobs"})
    HEADING: ClassVar[str] = "workers"
    COLUMNS: ClassVar = (
        Column("name", "WORKER", 20),
        Column("state", "STATE", 11),
        Column("jobs", "JOBS", 4),
        Column("forks", "FORKS", 7),
        Column("memory", "MEMORY", 9),
        Column("version", "VERSION", 7),
        Column("seen", "SEEN", 5),
    )
    EMPTY: ClassVar[str] = "No worker has registered yet. `keelyard worker` starts one."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("D", "drain", "Drain", id="worker.drain", tooltip="Let the worker start nothing more"),
        Binding("ctrl+d", "remove", "Remove", id="worker.remove", tooltip="Forget a worker that is gone"),
        Binding("u", "resume", "Resume", id="worker.resume", tooltip="Let a drained worker take jobs again"),
    ]

    LEAST: ClassVar[Mapping[str, str]] = dict.fromkeys(("drain", "resume", "remove"), "operator")

    async def fetch_page(self, page: int) -> tuple[int, int, list[wire.Worker]]:
        """One page of workers."""
        answer = await self.client.workers(page)
        return answer.total, answer.total_pages, answer.data

    def row(self, thing: wire.Worker) -> Row:
        """Name, state, jobs, forks and memory used of total, version, age of the heartbeat."""
        return worker_row(thing)

    def open(self, key: str) -> None:
        """Into the worker."""
        self.app.post_message(messages.Open("workers", key))

    def action_drain(self) -> None:
        """Asks, then drains the worker under the cursor."""
        if (name := self.query_one(RowTable).selected) is not None:
            self._change(name, drained=True)

    def action_resume(self) -> None:
        """Asks, then resumes the worker under the cursor."""
        if (name := self.query_one(RowTable).selected) is not None:
            self._change(name, drained=False)

    @work(exclusive=True, group="act")
    async def action_remove(self) -> None:
        """Asks for the name, then forgets the worker; the server refuses one that is not gone."""
        if (worker := self.subject()) is None:
            return
        consequence = "Only a lost or stopped one without jobs; started again, it is back."
        question = TypeName(f"Remove worker {worker.name}", consequence, worker.name)
        if await self.app.push_screen_wait(question):
            with self.reporting():
                await self.client.remove_worker(worker.name)
                self.say(f"{worker.name} is removed.")
                self.action_refresh()

    @work
    async def _change(self, name: str, *, drained: bool) -> None:
        question, consequence = (
            (f"Drain worker {name}?", "It starts nothing more. What it runs goes on; u resumes it.")
            if drained
            else (f"Resume worker {name}?", "It takes jobs again.")
        )
        if not await self.app.push_screen_wait(Confirm(question, consequence)):
            return
        with self.reporting():
            worker = await self.client.set_drained(name, drained=drained)
            self.say(f"{worker.name} is {worker.state}; {len(worker.jobs)} jobs run.")
            self.action_refresh()


class WorkerScreen(ListScreen[wire.Job]):
    """What a worker is and which jobs it runs; enter opens one."""

    HEADING: ClassVar[str] = "jobs"
    COLUMNS: ClassVar = JOB_COLUMNS
    LISTENS_TO: ClassVar[frozenset[str]] = frozenset({"jobs"})
    EMPTY: ClassVar[str] = "It runs nothing now. What it ran is among the jobs (2)."
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "back", "Back", id="back")]

    def __init__(self, client: Client, name: str) -> None:
        super().__init__(client)
        self._worker_name = name
        self.worker: wire.Worker | None = None

    def heading(self) -> str:
        """Where one is."""
        state = text.status(self.worker.state).plain if self.worker else ""
        return f"‹ workers ‹ {text.one_line(self._worker_name)} · {state} · jobs"

    def body(self) -> ComposeResult:
        """What it offers, and its jobs."""
        yield Static("", id="summary", markup=False)
        yield from super().body()

    async def fetch_page(self, page: int) -> tuple[int, int, list[wire.Job]]:
        """The worker, and the jobs that it runs."""
        self.worker = worker = await self.client.worker(self._worker_name)
        found = await asyncio.gather(*(self.client.job(job_id) for job_id in worker.jobs))
        return len(found), 1, list(found)

    def draw(self) -> None:
        """The worker in two lines, and its jobs."""
        if (worker := self.worker) is not None:
            room = f"{worker.forks_used}/{worker.forks} forks"
            most = "" if worker.concurrency is None else f" · at most {worker.concurrency} jobs"
            self.query_one("#summary", Static).update(
                f" {room} · {memory(worker.memory_mb_used, worker.memory_mb)}{most} · version "
                f"{text.one_line(worker.version)} on {text.one_line(worker.hostname)}\n"
                f" started {text.ago(worker.started_at)} · heard of {text.ago(worker.last_seen)}"
            )
        super().draw()

    def row(self, thing: wire.Job) -> Row:
        """As in the list of jobs."""
        return job_row(thing)

    def open(self, key: str) -> None:
        """Into the job."""
        self.app.post_message(messages.Open("jobs", key))


_ONE = "/api/v1/workers/{name}"
NOUN = Noun(
    name="workers",
    what="who runs jobs, and with what room",
    screen=WorkersScreen,
    detail=WorkerScreen,
    key="3",
    aliases=("wo", "worker"),
    order=30,
    operations={
        "": ("GET /api/v1/workers", f"GET {_ONE}"),
        "worker.drain": (f"POST {_ONE}/drain",),
        "worker.resume": (f"POST {_ONE}/resume",),
        "worker.remove": (f"DELETE {_ONE}",),
    },
)
