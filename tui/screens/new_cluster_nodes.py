"""The nodes step: paste a list, an inventory or a range; mend what could not be read; edit, add, remove."""

from __future__ import annotations

from typing import ClassVar

import msgspec
from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import DataTable, Input, Select, Static, TextArea

from tui import text
from tui.screens.dialogs import Dialog
from tui.screens.new_cluster_fields import ChoiceRow, Edited, FieldRow, Pane, TextRow
from tui.widgets.row_table import Column, Row, RowTable
from tui.wizard import node_lists, rules
from tui.wizard.choices import Value
from tui.wizard.draft import CONTROL_PLANE, WORKER, NodeDraft, tally
from tui.wizard.making import Making
from tui.wizard.node_words import Unread
from tui.wizard.steps import Step

_DEFAULT_SYSTEM = "debian12"
_ROLES = ((CONTROL_PLANE, CONTROL_PLANE), (WORKER, WORKER))


class NodeForm(Dialog[NodeDraft]):
    """One node, to be changed or added."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+s", "save", "Save", priority=True)]

    def __init__(self, making: Making, node: NodeDraft) -> None:
        super().__init__()
        self._making = making
        self._node = node

    def compose(self) -> ComposeResult:
        """One row per member."""
        with Vertical(classes="dialog"):
            yield Static(f"Node {text.one_line(self._node.name)}", markup=False)
            yield TextRow("name", "Name")
            yield TextRow("ip_address", "Address", hint="192.0.2.11")
            yield ChoiceRow("role", "Role", _ROLES)
            yield ChoiceRow("os_type", "System")
            yield TextRow("ssh_port", "SSH port")
            yield TextRow("fingerprint", "Host key", hint="SHA256:… if known")
            yield Static("\nenter or ctrl+s saves, esc leaves.", markup=False)

    def on_mount(self) -> None:
        """Shows the node."""
        for entry in self.query(TextRow):
            entry.put(getattr(self._node, entry.field))
        role, system = self.query(ChoiceRow)
        role.put(self._node.role)
        system.put(self._node.os_type, self._making.choices.of_field("nodes.os_type"))
        self.query(TextRow).first().control.focus()

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_save()

    def action_save(self) -> None:
        """Answers the node when nothing is wrong with it."""
        said = {row.field: row.query_one(Input).value.strip() for row in self.query(TextRow)}
        said |= {row.field: str(row.query_one(Select).value) for row in self.query(ChoiceRow)}
        port = said.pop("ssh_port")
        node = NodeDraft(**said, ssh_port=int(port) if port.isdecimal() and len(port) < 6 else 0)
        moved = (node.ip_address, node.ssh_port) != (self._node.ip_address, self._node.ssh_port)
        if moved and node.fingerprint == self._node.fingerprint:
            node.fingerprint = ""  # it was another machine's
        wrong = {
            one.field.removeprefix("node."): one.message
            for one in rules.node_problems(node, self._making.choices, "node")
        }
        for row in self.query(FieldRow):
            row.note(wrong.get(row.field, ""), wrong=row.field in wrong)
        if not wrong:
            self.dismiss(node)


class NodesPane(Pane):
    """Text above, what it said below."""

    STEP = Step.NODES
    FIRST = "#paste"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+l", "take", "Take the list", id="wizard.take", tooltip="Add the nodes of the text"),
        Binding("a", "add", "Add node", id="wizard.add", tooltip="Add one node by a form"),
        Binding("delete,ctrl+d", "remove", "Remove", id="wizard.remove", tooltip="Remove the node"),
    ]
    COLUMNS: ClassVar = (
        Column("address", "ADDRESS", 21),
        Column("name", "NAME", 16),
        Column("role", "ROLE", 13),
        Column("system", "SYSTEM", 9),
        Column("wrong", "", 60),
    )

    DEFAULT_CSS = """
    NodesPane #paste { height: 6; border: round $panel; padding: 0; scrollbar-size: 1 1; }
    NodesPane #paste:focus { border: round $primary; }
    NodesPane #unread { height: auto; max-height: 4; color: $text-muted; }
    NodesPane #unread.-wrong { color: $text-error; }
    NodesPane #listed { height: 1fr; min-height: 3; }
    """

    def compose(self) -> ComposeResult:
        """Text, what could not be read, the nodes, the tally."""
        area = TextArea(id="paste", tab_behavior="focus", soft_wrap=False)
        area.border_title = "paste a list, an inventory or a range (CIDR); ctrl+l takes it"
        yield area
        yield ChoiceRow("nodes.os_type", "If unsaid, system")
        yield Static("", id="unread", markup=False)
        yield RowTable(self.COLUMNS, id="listed")
        yield Static("", id="tally", markup=False)

    def fill(self) -> None:
        """The systems on offer."""
        row = self.query_one(ChoiceRow)
        offered = self.making.choices.of_field("nodes.os_type")
        present = str(row.query_one(Select).value)
        row.put(present if present and present != "Select.NULL" else _DEFAULT_SYSTEM, offered)

    def take(self, field: str, value: Value) -> None:
        """The system of nodes that say none is no part of the draft."""
        self._preview()

    def notes(self) -> None:
        """The nodes with what is wrong with each, and the tally."""
        problems = self.making.problems_of(self.STEP)
        rows = []
        for index, node in enumerate(self.making.draft.nodes):
            wrong = next((one for one in problems if one.field.startswith(f"nodes.{index}.")), None)
            place = node.ip_address if node.ssh_port == 22 else f"{node.ip_address}:{node.ssh_port}"
            cells = [text.plain(word) for word in (place, node.name, node.role, node.os_type)]
            told = Text(f"✗ {wrong.message}", style="bold red", no_wrap=True) if wrong else Text("")
            rows.append(Row(str(index), (*cells, told)))
        self.query_one("#listed", RowTable).show(rows)
        line = tally(self.making.draft, self.making.choices)
        many = next((one.message for one in problems if one.field == "nodes"), "")
        self.query_one("#tally", Static).update(f"{line} · ✗ {many}" if many else line)
        if not self.query_one(TextArea).text.strip():
            self._tell("enter edits the node under the cursor, a adds one, delete removes it")

    def to(self, field: str) -> None:
        """A node's field is its row."""
        index = field.removeprefix("nodes.").partition(".")[0]
        table = self.query_one("#listed", RowTable)
        if field.startswith("nodes.") and index.isdecimal():
            table.move_cursor(row=int(index))
            self.focus_on(table)
        else:
            self.focus_on(self.query_one("#listed" if self.making.draft.nodes else self.FIRST))

    # --- the text ---

    def _parsed(self) -> node_lists.Parsed:
        system = str(self.query_one(Select).value)
        return node_lists.parse(self.query_one(TextArea).text, listed=self.making.draft.nodes, os_type=system)

    @on(TextArea.Changed)
    def _typed(self, event: TextArea.Changed) -> None:
        event.stop()
        self._preview()

    def _preview(self) -> None:
        if not self.query_one(TextArea).text.strip():
            return
        parsed = self._parsed()
        self._tell(f"{_nodes(parsed)} can be read; ctrl+l takes them", parsed.unread)

    def _tell(self, line: str, unread: list[Unread] | None = None) -> None:
        told = [f"✗ line {one.line}: {text.one_line(one.why)}" for one in unread or []]
        if len(told) > 3:
            told = [*told[:2], f"✗ and {len(told) - 2} more lines"]
        shown = self.query_one("#unread", Static)
        shown.set_class(bool(told), "-wrong")
        shown.update("\n".join([line, *told]))

    def action_take(self) -> None:
        """Adds what can be read; what cannot stays in the text, to be mended."""
        parsed = self._parsed()
        draft = self.making.draft
        draft.nodes.extend(parsed.nodes)
        if parsed.username and draft.username == "root":
            draft.username = parsed.username
        left = "\n".join(dict.fromkeys(one.source for one in parsed.unread))
        area = self.query_one(TextArea)
        with area.prevent(TextArea.Changed):
            area.text = left
        self.post_message(Edited())
        # The lines that are left have numbers of their own now.
        again = self._parsed().unread if left else []
        self._tell(f"{_nodes(parsed)} taken", again)
        if not left and draft.nodes:
            self.focus_on(self.query_one("#listed"))

    def leave(self) -> bool:
        """Nothing that was typed is lost by going on: it is taken, and what cannot be read is shown."""
        if self.query_one(TextArea).text.strip():
            self.action_take()
        return not self.query_one(TextArea).text.strip()

    # --- one node ---

    @on(DataTable.RowSelected, "#listed")
    @work(exclusive=True, group="node")
    async def _edit(self, event: DataTable.RowSelected) -> None:
        nodes, index = self.making.draft.nodes, int(event.row_key.value or 0)
        changed = await self.app.push_screen_wait(
            NodeForm(self.making, msgspec.structs.replace(nodes[index]))
        )
        if changed is not None:
            nodes[index] = changed
            self.post_message(Edited())

    @work(exclusive=True, group="node")
    async def action_add(self) -> None:
        """A form with nothing in it."""
        role = WORKER if self.making.draft.count(CONTROL_PLANE) else CONTROL_PLANE
        empty = NodeDraft(name="", ip_address="", role=role, os_type=str(self.query_one(Select).value))
        added = await self.app.push_screen_wait(NodeForm(self.making, empty))
        if added is not None:
            self.making.draft.nodes.append(added)
            self.post_message(Edited())

    def action_remove(self) -> None:
        """Takes the node under the cursor off the list."""
        key = self.query_one("#listed", RowTable).selected
        if key is not None:
            del self.making.draft.nodes[int(key)]
            self.post_message(Edited())


def _nodes(parsed: node_lists.Parsed) -> str:
    return f"{len(parsed.nodes)} node{'' if len(parsed.nodes) == 1 else 's'}"
