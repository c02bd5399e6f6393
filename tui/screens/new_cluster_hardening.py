"""The hardening step: both benchmarks, the level, and the items that are left out with their reasons."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import DataTable, Input, Static

from tui import text
from tui.client import Client
from tui.screens.dialogs import Dialog
from tui.screens.hardening_items import ChooseItem
from tui.screens.new_cluster_fields import ChoiceRow, Edited, FieldRow, Pane, TextRow, TickRow
from tui.widgets.row_table import Column, Row, RowTable
from tui.wizard import rules
from tui.wizard.draft import HARDENING, LEVEL, ExceptionDraft
from tui.wizard.making import Making
from tui.wizard.steps import Step


class ReasonForm(Dialog[ExceptionDraft]):
    """One exception: which item, and why."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+s", "save", "Save", priority=True)]

    def __init__(self, exception: ExceptionDraft, title: str = "") -> None:
        super().__init__()
        self._exception = exception
        self._title = title

    def compose(self) -> ComposeResult:
        """Item and reason."""
        with Vertical(classes="dialog"):
            yield Static(f"Exception: {text.one_line(self._title or self._exception.id)}", markup=False)
            yield TextRow("id", "Item")
            yield TextRow("reason", "Reason", hint="why it is left out here")
            yield Static("\nenter or ctrl+s saves, esc leaves.", markup=False)

    def on_mount(self) -> None:
        """The reason is what is asked for."""
        item, reason = self.query(TextRow)
        item.put(self._exception.id)
        reason.put(self._exception.reason)
        reason.control.focus()

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_save()

    def action_save(self) -> None:
        """Answers the exception when it has a reason."""
        said = {row.field: row.query_one(Input).value.strip() for row in self.query(TextRow)}
        wrong = {one.field: one.message for one in rules.exception_problems(ExceptionDraft(**said), "")}
        for row in self.query(FieldRow):
            row.note(wrong.get(row.field, ""), wrong=row.field in wrong)
        if not wrong:
            self.dismiss(ExceptionDraft(**said))


class HardeningPane(Pane):
    """Which benchmarks the nodes are brought up to, and what is left out."""

    STEP = Step.HARDENING
    FIRST = "#at-hardening-enable_cis_k8s_benchmark"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "add", "Add exception", id="wizard.except", tooltip="Leave an item out, and say why"),
        Binding("delete,ctrl+d", "remove", "Remove", id="wizard.include", tooltip="Take the exception away"),
    ]
    COLUMNS: ClassVar = (
        Column("id", "LEFT OUT", 24),
        Column("reason", "REASON", 40),
        Column("wrong", "", 60),
    )
    DEFAULT_CSS = "HardeningPane #exceptions { height: 1fr; min-height: 3; margin-top: 1; }"

    def __init__(self, making: Making, client: Client) -> None:
        super().__init__(making)
        self._client = client

    def compose(self) -> ComposeResult:
        """Three switches, the level, the exceptions."""
        yield TickRow(HARDENING[0], "CIS Kubernetes", "harden Kubernetes")
        yield TickRow(HARDENING[1], "CIS Linux", "harden the nodes")
        yield ChoiceRow(LEVEL, "Level")
        yield TickRow(HARDENING[3], "Default deny", "pods are closed")
        yield RowTable(self.COLUMNS, id="exceptions")
        yield Static(
            "a leaves an item out and asks why, enter edits one, delete takes one away", markup=False
        )

    def fill(self) -> None:
        """What holds."""
        draft, choices = self.making.draft, self.making.choices
        for row in self.query(TickRow):
            row.put(draft.value(row.field, choices))
        for choice in self.query(ChoiceRow):
            choice.put(draft.value(choice.field, choices), choices.of_field(choice.field))

    def origin(self, field: str) -> str:
        """What the server says of switching it on."""
        refusal = None if field == LEVEL else self.making.choices.refusal(field, True)
        return refusal or super().origin(field)

    def notes(self) -> None:
        """The rows, and every exception with what is wrong with it."""
        super().notes()
        problems = self.making.problems_of(self.STEP)
        rows = []
        for index, each in enumerate(self.making.draft.left_out):
            at = f"hardening.exceptions.{index}."
            wrong = next((one for one in problems if one.field.startswith(at)), None)
            told = Text(f"✗ {wrong.message}", style="bold red", no_wrap=True) if wrong else Text("")
            rows.append(Row(str(index), (text.plain(each.id), text.plain(each.reason), told)))
        self.query_one("#exceptions", RowTable).show(rows)

    def to(self, field: str) -> None:
        """An exception's field is its row."""
        index = field.removeprefix("hardening.exceptions.").partition(".")[0]
        if field.startswith("hardening.exceptions.") and index.isdecimal():
            table = self.query_one("#exceptions", RowTable)
            table.move_cursor(row=int(index))
            self.focus_on(table)
        else:
            super().to(field)

    # --- one exception ---

    @work(exclusive=True, group="exception")
    async def action_add(self) -> None:
        """An item of the server's catalogue, then the reason."""
        item = await self.app.push_screen_wait(ChooseItem(self._client))
        if item is None:
            return
        form = ReasonForm(ExceptionDraft(id=item.id, reason=""), item.title)
        if (added := await self.app.push_screen_wait(form)) is not None:
            kept = [each for each in self.making.draft.left_out if each.id != added.id]
            self._keep([*kept, added])

    @on(DataTable.RowSelected, "#exceptions")
    @work(exclusive=True, group="exception")
    async def _edit(self, event: DataTable.RowSelected) -> None:
        exceptions, index = list(self.making.draft.left_out), int(event.row_key.value or 0)
        if (changed := await self.app.push_screen_wait(ReasonForm(exceptions[index]))) is not None:
            exceptions[index] = changed
            self._keep(exceptions)

    def action_remove(self) -> None:
        """Takes the exception under the cursor off the list."""
        key = self.query_one("#exceptions", RowTable).selected
        if key is not None:
            exceptions = list(self.making.draft.left_out)
            del exceptions[int(key)]
            self._keep(exceptions)

    def _keep(self, exceptions: list[ExceptionDraft]) -> None:
        self.making.draft.exceptions = exceptions
        self.post_message(Edited())
