"""All workers: what they offer, what they carry, when they were last heard of."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual import work
from textual.binding import Binding, BindingType

from tui import text, wire
from tui.nouns import Noun
from tui.screens.dialogs import Confirm
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
        Binding("u", "resume", "Resume", id="worker.resume", tooltip="Let a drained worker take jobs again"),
    ]

    async def fetch_page(self, page: int) -> tuple[int, int, list[wire.Worker]]:
        """One page of workers."""
        answer = await self.client.workers(page)
        return answer.total, answer.total_pages, answer.data

    def row(self, thing: wire.Worker) -> Row:
        """Name, state, jobs, forks and memory used of total, version, age of the heartbeat."""
        return worker_row(thing)

    def open(self, key: str) -> None:
        """A worker has no screen of its own: its jobs are said."""
        for worker in self.things:
            if worker.name == key:
                self.say(f"{worker.name} runs: {', '.join(worker.jobs) or 'nothing'}")

    def action_drain(self) -> None:
        """Asks, then drains the worker under the cursor."""
        if (name := self.query_one(RowTable).selected) is not None:
            self._change(name, drained=True)

    def action_resume(self) -> None:
        """Asks, then resumes the worker under the cursor."""
        if (name := self.query_one(RowTable).selected) is not None:
            self._change(name, drained=False)

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


NOUN = Noun(
    name="workers",
    what="who runs jobs, and with what room",
    screen=WorkersScreen,
    key="3",
    aliases=("wo", "worker"),
    order=30,
)
