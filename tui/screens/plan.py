"""One plan: per host what would change, how certain that is, and the difference; applied by a typed name."""

from __future__ import annotations

import difflib
from typing import ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from tui import messages, text, wire
from tui.client import Client
from tui.nouns import Noun
from tui.screens.dialogs import TypeName
from tui.screens.resource import ResourceScreen
from tui.widgets.row_table import Column, Row, RowTable

_COLUMNS = (
    Column("host", "NODE", 16),
    Column("certainty", "CERTAINTY", 12),
    Column("phase", "PHASE", 11),
    Column("task", "CHANGE", 46),
    Column("what", "WHAT", 60),
)
_SIGNS = {"exact": ("~", "green"), "declared": ("+", "cyan"), "unknown": ("?", "yellow")}
_WRONG = ("!", "bold red")
_ENDED = frozenset({"success", "failed", "cancelled"})
_STYLES = {"+": "green", "-": "red", "@": "dim", "(": "dim"}
_MOST_LINES = 2_000


class PlanScreen(ResourceScreen):
    """Waits for its job, then lists the changes; the difference of the one under the cursor is below."""

    REFRESH_SECONDS: ClassVar[float] = 3.0  # until the job has ended

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "apply", "Apply", id="plan.apply", tooltip="Apply this plan, and nothing else"),
        Binding("j", "job", "Job", id="plan.job", tooltip="The job that made this plan"),
        Binding("escape", "back", "Back", id="back"),
    ]

    def __init__(self, client: Client, job_id: str) -> None:
        super().__init__(client)
        self._job_id = job_id
        self.job: wire.Job | None = None
        self.plan: wire.Plan | None = None
        self._details: dict[str, Text] = {}

    def subject(self) -> object | None:
        """The plan, or the job that is to make it."""
        return self.plan or self.job

    def body(self) -> ComposeResult:
        """Figures, changes, and the difference."""
        yield Static("", id="summary", markup=False)
        yield RowTable(_COLUMNS, id="changes")
        with VerticalScroll(id="difference-scroll"):
            yield Static("", id="difference", markup=False)

    async def fetch(self) -> None:
        """The job until it has ended, then once its plan."""
        if self.plan is not None:
            return
        self.job = await self.client.job(self._job_id)
        if self.job.status == "success":
            self.plan = await self.client.job_plan(self._job_id)

    def draw(self) -> None:
        """The state of the job, or the plan."""
        if self.job is None:
            return
        name = f"{self.job.type} of {self.job.cluster_name}"
        self.crumbs(f"‹ clusters ‹ {self.job.cluster_name} ‹ {name} · {text.status(self.job.status).plain}")
        self.query_one("#summary", Static).update(self._summary(self.job))
        if self.plan is None:
            return
        rows = _rows(self.plan)
        self._details = {row.key: detail for row, detail in rows}
        self.query_one("#changes", RowTable).show([row for row, _ in rows])

    def _summary(self, job: wire.Job) -> str:
        if self.plan is not None:
            return f" {_figures(self.plan)}\n {self.plan.kind} {self.plan.hash}"
        if job.status not in _ENDED:
            running = next((phase.name for phase in job.phases if phase.status == "running"), "waiting")
            return f" Looking at the nodes: {text.one_line(running)}. The plan is shown here when it is done."
        why = job.message if isinstance(job.message, str) else ""
        return f" There is no plan: the job ended as {job.status}. {text.one_line(why)}"

    def rest(self) -> None:
        """Changes are what one reads."""
        self.query_one("#changes", RowTable).focus()

    def on_mount(self) -> None:
        """Starts with the keys on the changes."""
        self.rest()

    @on(RowTable.RowHighlighted, "#changes")
    def _highlighted(self, event: RowTable.RowHighlighted) -> None:
        key = event.row_key.value if event.row_key is not None else None
        self.query_one("#difference", Static).update(self._details.get(key or "", Text()))
        self.query_one("#difference-scroll", VerticalScroll).scroll_home(animate=False)

    def action_job(self) -> None:
        """Into the job."""
        self.app.post_message(messages.Open("jobs", self._job_id))

    @work(exclusive=True, group="act")
    async def action_apply(self) -> None:
        """Asks for the cluster's name, then queues the job that applies this plan."""
        plan, job = self.plan, self.job
        if plan is None or job is None:
            self.say("There is no plan to apply yet.", failed=True)
            return
        if not plan.summary.changes:
            self.say("Nothing would change; there is nothing to apply.", failed=True)
            return
        question = TypeName(
            f"Apply this plan to {job.cluster_name}",
            f"{_figures(plan)}\nNothing is changed if the nodes are not as planned any more.",
            job.cluster_name,
        )
        if not await self.app.push_screen_wait(question):
            return
        with self.reporting():
            accepted = await self.client.provision(plan.cluster_id, plan_hash=plan.hash)
            self.say(accepted.message)
            self.app.post_message(messages.Open("jobs", accepted.job_id))


def _figures(plan: wire.Plan) -> str:
    found = plan.summary
    wrong = f" {found.findings} more that is not right." if found.findings else ""
    if not found.changes:
        return f"Nothing would change on {found.hosts} nodes.{wrong}"
    return (
        f"{found.changes} changes on {found.changed_hosts} of {found.hosts} nodes: {found.exact} exact, "
        f"{found.declared} declared, {found.unknown} unknown.{wrong}"
    )


def _rows(plan: wire.Plan) -> list[tuple[Row, Text]]:
    rows = []
    for host, found in plan.hosts.items():
        for number, item in enumerate(found.items):
            cells = (
                text.plain(host),
                _signed(item.certainty.value, *_SIGNS[item.certainty.value]),
                text.plain(item.phase),
                text.plain(item.task),
                text.plain(item.what),
            )
            rows.append((Row(f"{host}:{number}", cells), _difference(host, item)))
        for number, finding in enumerate(found.findings):
            sentence = f"{finding.subject} {finding.problem}"
            cells = (
                text.plain(host),
                _signed("not right", *_WRONG),
                Text(""),
                text.plain(finding.subject),
                text.plain(finding.problem),
            )
            rows.append((Row(f"{host}:!{number}", cells), Text(text.clean(sentence))))
    return rows


def _signed(word: str, sign: str, style: str) -> Text:
    return Text(f"{sign} {word}", style=style, no_wrap=True)


def _difference(host: str, item: wire.PlanItem) -> Text:
    told = Text(
        f"{text.one_line(host)} · {text.one_line(item.task)}\n{text.clean(item.what)}\n", style="bold"
    )
    lines = [line for diff in item.diffs for line in _diff_lines(diff)]
    for line in lines[:_MOST_LINES]:
        told.append(f"{line}\n", style=_STYLES.get(line[:1], ""))
    if len(lines) > _MOST_LINES:
        told.append(f"… {len(lines) - _MOST_LINES} more lines\n", style="dim")
    return told


def _diff_lines(diff: wire.PlanDiff) -> list[str]:
    before, after = text.clean(diff.before).splitlines(), text.clean(diff.after).splitlines()
    lines = [f"  {text.one_line(diff.title)}"] if diff.title else []
    if not before and not diff.title:
        lines += after  # a diff already
    else:
        compared = list(difflib.unified_diff(before, after, n=3, lineterm=""))
        lines += compared[2:]  # without the names
    return [*lines, f"({text.one_line(diff.note)})"] if diff.note else lines


NOUN = Noun(
    name="plans",
    what="what a provision job would change",
    detail=PlanScreen,
    order=25,
    operations={
        "": ("GET /api/v1/jobs/{job_id}", "GET /api/v1/jobs/{job_id}/plan"),
        "plan.apply": ("POST /api/v1/clusters/{cluster_id}/provision",),
    },
)
