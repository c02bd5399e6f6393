"""What can be done about a job: cancel it, go on where it stopped, look at what it is about."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar, override

from textual import work
from textual.binding import Binding, BindingType

from tui import messages, wire
from tui.client import Client
from tui.screens.dialogs import Confirm
from tui.screens.log_screen import LogScreen
from tui.screens.slowest_tasks import SlowestTasks
from tui.widgets.host_grid import HostGrid

FINAL = frozenset({"success", "failed", "cancelled", "interrupted"})
_WITH_PLAN = frozenset({"plan", "verify"})
_WITH_REPORT = frozenset({"harden", "scan"})
_PAGES = 5  # of a cluster's scans that are looked through for the one of this job


class JobActions(LogScreen):
    """The keys that ask the server for something."""

    LEAST: ClassVar[Mapping[str, str]] = dict.fromkeys(("cancel", "retry", "retry_all", "mark"), "operator")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("x", "cancel", "Cancel", id="job.cancel", tooltip="Ask the job to stop"),
        Binding("r", "retry", "Retry", id="job.retry", tooltip="Resume on what failed, or on marked hosts"),
        Binding("R", "retry_all", "all", id="job.retry-all", tooltip="Resume on every node"),
        Binding("space", "mark", "Mark", id="job.mark", show=False, tooltip="Mark the host for a retry"),
        Binding("T", "slowest", "Slowest", id="job.slowest", show=False, tooltip="What took longest"),
        Binding("c", "cluster", "Cluster", id="job.cluster", show=False, tooltip="Open the job's cluster"),
        Binding("P", "plan", "Plan", id="job.plan", tooltip="What the plan found"),
        Binding("H", "report", "Results", id="job.report", tooltip="What the scan at its end found"),
        Binding("A", "artifacts", "Files", id="job.artifacts", show=False, tooltip="Files left by the job"),
    ]

    def __init__(self, client: Client, job_id: str) -> None:
        super().__init__(client)
        self._job_id = job_id
        self.marked: set[str] = set()
        self.job: wire.Job | None = None

    @property
    def over(self) -> bool:
        """Whether the job has ended."""
        return self.job is not None and self.job.status in FINAL

    @abstractmethod
    def draw_hosts(self) -> None:
        """Shows the hosts, and which are marked."""

    @override
    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only some jobs make a plan, others scan."""
        if action == "report":
            return self.job is not None and self.job.type in _WITH_REPORT
        if action == "plan":
            return self.job is not None and self.job.type in _WITH_PLAN
        return super().check_action(action, parameters)

    def action_plan(self) -> None:
        """To the plan that this job made."""
        self.app.post_message(messages.Open("plans", self._job_id))

    @work(exclusive=True, group="act")
    async def action_report(self) -> None:
        """To the results of the scan at this job's end."""
        if self.job is None:
            return
        with self.reporting():
            page, pages = 1, 1
            while page <= min(pages, _PAGES):
                found = await self.client.hardening_reports(self.job.cluster_id, page)
                mine = next((scan.id for scan in found.data if scan.job_id == self._job_id), None)
                if mine is not None:
                    self.app.post_message(messages.Open("hardening-reports", mine))
                    return
                page, pages = page + 1, found.total_pages
            self.say("This job has no results yet; its scan comes last.", failed=True)

    def action_artifacts(self) -> None:
        """To the files that this job left."""
        self.app.post_message(messages.Open("artifacts", self._job_id))

    def action_cluster(self) -> None:
        """To the cluster this job works on."""
        if self.job is not None:
            self.app.post_message(messages.Open("clusters", self.job.cluster_id))

    def action_mark(self) -> None:
        """Marks the host under the cursor for a retry, or unmarks it."""
        host = self.query_one("#hosts", HostGrid).selected
        if host is not None:
            self.marked ^= {host}
            self.draw_hosts()

    @work(exclusive=True, group="act")
    async def action_cancel(self) -> None:
        """Asks, then cancels."""
        if self.job is not None and self.over:
            self.say(f"The job is over ({self.job.status}); there is nothing to cancel.")
            return
        what = f"{self.job.type} {self.job.cluster_name}" if self.job else self._job_id
        question = Confirm(
            f"Cancel {what}?",
            "The nodes stay as the job leaves them; retry resumes from the unfinished phase.",
        )
        if not await self.app.push_screen_wait(question):
            return
        with self.reporting():
            accepted = await self.client.cancel(self._job_id)
            self.say(accepted.message)
            self.load()

    @work(exclusive=True, group="act")
    async def action_retry(self) -> None:
        """Queues the job that resumes this one, on what failed or on the marked hosts, and opens it."""
        await self._retry(sorted(self.marked) if self.marked else "failed")

    @work(exclusive=True, group="act")
    async def action_retry_all(self) -> None:
        """The same on every node."""
        await self._retry("all")

    async def _retry(self, hosts: str | list[str]) -> None:
        with self.reporting():
            queued = await self.client.retry(self._job_id, hosts)
            named = ", ".join(node.host for node in queued.hosts[:6])
            more = f" and {len(queued.hosts) - 6} more" if len(queued.hosts) > 6 else ""
            self.say(f"{queued.message}: {named}{more}")
            self.app.post_message(messages.Open("jobs", queued.job_id))

    @work(exclusive=True, group="act")
    async def action_slowest(self) -> None:
        """What took longest."""
        with self.reporting():
            found = await self.client.slowest_tasks(self._job_id)
            names = {phase.slug: phase.name for phase in self.job.phases} if self.job else {}
            self.app.push_screen(SlowestTasks(found, names))
