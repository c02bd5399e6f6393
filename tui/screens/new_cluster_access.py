"""The access step: how to log in, tried live on every node, and the host keys confirmed by eye."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import msgspec
from rich.text import Text
from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import DataTable, Input, Static

from api.schemas.clusters import SshResult
from tui import errors, messages, text
from tui.client import Client
from tui.screens.dialogs import Confirm, TypeName
from tui.screens.new_cluster_fields import ChoiceRow, Edited, FieldRow, KeyInput, Pane, TextRow, control_id
from tui.widgets.row_table import Column, Row, RowTable
from tui.wizard.choices import Value
from tui.wizard.draft import PASSWORD, PRIVATE_KEY, NodeDraft
from tui.wizard.host_keys import State
from tui.wizard.making import Making
from tui.wizard.steps import Step

AT_ONCE = 8  # requests; of up to as many nodes each one is for itself, so that its result is shown at once
_MOST_KEY_BYTES = 65_536
_WAYS = (("private key", PRIVATE_KEY), ("password", PASSWORD))
_SIGNS = {
    State.UNTESTED: ("○", "dim"),
    State.STALE: ("?", "yellow"),
    State.TESTING: ("◐", "cyan"),
    State.FAILED: ("✗", "bold red"),
    State.NEW: ("▲", "bold yellow"),
    State.CONFIRMED: ("●", "green"),
    State.CHANGED: ("✗", "bold red reverse"),
}


def read_key(path: str) -> str:
    """The private key in a file; empty when there is no such file, or one that is no key by its size."""
    file = Path(path).expanduser()
    try:
        return file.read_text() if file.is_file() and file.stat().st_size <= _MOST_KEY_BYTES else ""
    except (OSError, ValueError, RuntimeError):  # unreadable, not text, no such home
        return ""


class AccessPane(Pane):
    """Rows for the way in, and a table of how it went."""

    STEP = Step.ACCESS
    FIRST = "#at-ssh_config-username"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+t", "test", "Test logins", id="wizard.test", tooltip="Log in to every node now"),
        Binding("C", "confirm_all", "Confirm all", id="wizard.confirm", tooltip="Confirm all new host keys"),
    ]
    COLUMNS: ClassVar = (
        Column("node", "NODE", 16),
        Column("state", "LOGIN", 30),
        Column("key", "HOST KEY", 50),
        Column("message", "", 120),
    )
    DEFAULT_CSS = """
    AccessPane #logins { height: 1fr; min-height: 3; margin-top: 1; }
    AccessPane #login-detail { height: auto; max-height: 3; color: $text-muted; }
    """

    def __init__(self, making: Making, client: Client) -> None:
        super().__init__(making)
        self._client = client
        self._typed_in = False

    def compose(self) -> ComposeResult:
        """User, way in, secrets, results."""
        yield TextRow("ssh_config.username", "User")
        yield ChoiceRow("ssh_config.auth_method", "Log in with", _WAYS)
        field = "ssh_config.private_key"
        key = KeyInput(id=control_id(field), placeholder="path, or paste the key", compact=True)
        yield FieldRow(field, "Private key", key)
        yield TextRow("ssh_config.passphrase", "Passphrase", masked=True)
        yield TextRow("ssh_config.password", "Password", masked=True)
        yield RowTable(self.COLUMNS, id="logins")
        yield Static("", id="login-detail", markup=False)

    def fill(self) -> None:
        """What is not secret; secrets stay as they were typed."""
        draft = self.making.draft
        self.query(TextRow).first().put(draft.username)
        self.query_one(ChoiceRow).put(draft.auth_method)
        entry = self.query_one(KeyInput)
        if entry.value != draft.key_path and draft.key_path:
            with self.prevent(Input.Changed):
                entry.value = draft.key_path
        if draft.key_path and not self.making.secrets.private_key:
            self._secret(private_key=self._read(draft.key_path))
        self._show_ways()
        if self.making.tests.any:
            self.retest()

    def _show_ways(self) -> None:
        by_key = self.making.draft.auth_method == PRIVATE_KEY
        for row in self.query(FieldRow):
            if row.field in {"ssh_config.private_key", "ssh_config.passphrase"}:
                row.display = by_key
            if row.field == "ssh_config.password":
                row.named("Password for sudo" if by_key else "Password")

    def take(self, field: str, value: Value) -> None:
        """The draft gets what is not secret; the rest stays in memory."""
        self._typed_in = True
        member, said = field.removeprefix("ssh_config."), str(value)
        if member in {"username", "auth_method"}:
            setattr(self.making.draft, member, said.strip())
            self._show_ways()
        elif member == "private_key":
            self._take_path(said.strip())
        else:
            self._secret(**{member: said})

    def _take_path(self, path: str) -> None:
        # Only the path of a file that is there is kept: what is typed here could be a key.
        key = self._read(path)
        self.making.draft.key_path = path if key else ""
        self._secret(private_key=key)
        if "PRIVATE KEY" in path:
            self.query_one(KeyInput).value = ""

    def _read(self, path: str) -> str:
        # In a browser the terminal runs on the server, whose files are not the operator's.
        return "" if self.app.is_web else read_key(path)

    def _secret(self, **changed: str) -> None:
        self.making.secrets = msgspec.structs.replace(self.making.secrets, **changed)

    @on(KeyInput.Pasted)
    def _pasted(self, event: KeyInput.Pasted) -> None:
        event.stop()
        self.making.draft.key_path = ""
        self._typed_in = True
        self._secret(private_key=event.key)
        self.post_message(Edited())

    def origin(self, field: str) -> str:
        """Says where the key comes from, and what the password is for."""
        secrets, by_key = self.making.secrets, self.making.draft.auth_method == PRIVATE_KEY
        if field == "ssh_config.private_key":
            lines = len(secrets.private_key.splitlines())
            return f"{'read' if self.making.draft.key_path else 'pasted'}: {lines} lines, in memory only"
        if field == "ssh_config.passphrase":
            return "if the key has one"
        return "if sudo asks for one" if field == "ssh_config.password" and by_key else ""

    def notes(self) -> None:
        """Rows, then every node with its state."""
        super().notes()
        rows = []
        for index, node in enumerate(self.making.draft.nodes):
            state = self.making.state(node)
            sign, style = _SIGNS[state]
            key, result = self.making.tests.best_key(node), self.making.tests.result(node)
            told = "" if result is None or state is State.TESTING else result.message
            if state is State.CHANGED:
                told = f"confirmed was {node.fingerprint}"
            cells = (
                text.plain(node.name),
                Text(f"{sign} {state.value}", style=style, no_wrap=True),
                text.plain(key.fingerprint if key is not None else node.fingerprint),
                text.plain(told),
            )
            rows.append(Row(str(index), cells))
        self.query_one("#logins", RowTable).show(rows)
        self._detail()

    @on(DataTable.RowHighlighted, "#logins")
    def _detail(self) -> None:
        node = self._under_cursor()
        result = self.making.tests.result(node) if node is not None else None
        if node is not None and self.making.state(node) is State.CHANGED:
            line = f"✗ THE HOST KEY OF {node.name} HAS CHANGED. Confirmed was {node.fingerprint}."
        elif node is not None and result is not None:
            line = f"{node.name}: {result.message}"
        else:
            line = "ctrl+t logs in to every node and shows its host key; enter confirms one, C all"
        self.query_one("#login-detail", Static).update(text.one_line(line))

    def _under_cursor(self) -> NodeDraft | None:
        key = self.query_one("#logins", RowTable).selected
        nodes = self.making.draft.nodes
        return nodes[int(key)] if key is not None and int(key) < len(nodes) else None

    def to(self, field: str) -> None:
        """A host key is confirmed in the table."""
        if field.startswith("nodes."):
            table = self.query_one("#logins", RowTable)
            table.move_cursor(row=int(field.split(".")[1]))
            self.focus_on(table)
        else:
            super().to(field)

    # --- testing ---

    @on(Input.Blurred)
    def _left_field(self, event: Input.Blurred) -> None:
        if self._typed_in and self.making.tests.any:
            self.retest()
        self._typed_in = False

    def on_descendant_blur(self, event: events.DescendantBlur) -> None:
        """The way in was chosen anew."""
        if self._typed_in and self.making.tests.any and not isinstance(event.widget, Input):
            self.retest()
            self._typed_in = False

    def action_test(self) -> None:
        """Tests every node now."""
        self._begin(self.making.draft.nodes)

    def retest(self) -> None:
        """Tests again what changed since it was tested."""
        self._begin(self.making.tests.due(self.making.draft, self.making.secrets))

    def _begin(self, nodes: Sequence[NodeDraft]) -> None:
        wrong = [one for one in self.making.problems_of(Step.ACCESS) if one.field.startswith("ssh_config.")]
        if nodes and not wrong:
            self._test(list(nodes))
        elif wrong:
            self.to(wrong[0].field)

    @work(group="ssh")
    async def _test(self, nodes: list[NodeDraft]) -> None:
        size = -(-len(nodes) // AT_ONCE)
        chunks = [nodes[start : start + size] for start in range(0, len(nodes), size)]
        await asyncio.gather(*(self._ask(chunk) for chunk in chunks))

    async def _ask(self, nodes: list[NodeDraft]) -> None:
        draft, tests = self.making.draft, self.making.tests
        begun = [(node, tests.begin(draft, node, self.making.secrets)) for node in nodes]
        self.post_message(Edited())
        results: list[SshResult | None] = [None] * len(nodes)
        try:
            report = await self._client.test_ssh(self._body(nodes))
            results[: len(report.results)] = report.results
        except errors.SessionEnded as ended:
            self.app.post_message(messages.SignInNeeded(str(ended)))
        except errors.Refused as refused:
            results = [_refusal(index, node, refused) for index, node in enumerate(nodes)]
        except errors.ApiError as failed:
            self.notify(f"✗ not tested: {text.clean(str(failed))}", severity="error", markup=False)
        for (node, subject), result in zip(begun, results, strict=True):
            tests.done(node, subject, result)
        self.post_message(Edited())

    def _body(self, nodes: list[NodeDraft]) -> dict[str, Any]:
        draft = self.making.draft
        listed = [draft.node(draft.nodes.index(node)) for node in nodes]
        return {"nodes": listed, "ssh_config": draft.login(self.making.secrets)}

    # --- host keys ---

    @on(DataTable.RowSelected, "#logins")
    @work(exclusive=True, group="confirm")
    async def _confirm(self, event: DataTable.RowSelected) -> None:
        event.stop()
        node = self._under_cursor()
        key = self.making.tests.best_key(node) if node is not None else None
        if node is None or key is None or self.making.state(node) is State.CONFIRMED:
            return
        look = f"Compare it with what the machine itself says:\n ssh-keygen -lf /etc/ssh/{_file(key.type)}"
        told = f"{node.ip_address} port {node.ssh_port} shows\n {key.type}\n {key.fingerprint}\n\n{look}"
        if self.making.state(node) is State.CHANGED:
            told = (
                f"{told}\n\nConfirmed was\n {node.fingerprint}\n"
                "Unless the machine was set up anew, somebody stands between you and it."
            )
            question = TypeName(f"✗ The host key of {node.name} HAS CHANGED", told, node.name)
            agreed = await self.app.push_screen_wait(question)
        else:
            agreed = await self.app.push_screen_wait(Confirm(f"Is this the host key of {node.name}?", told))
        if agreed:
            node.fingerprint = key.fingerprint
            self.post_message(Edited())

    @work(exclusive=True, group="confirm")
    async def action_confirm_all(self) -> None:
        """Confirms every key that is seen for the first time; changed ones are asked for one by one."""
        new = {
            node.name: (node, key.fingerprint)
            for node in self.making.draft.nodes
            if self.making.state(node) is State.NEW and (key := self.making.tests.best_key(node)) is not None
        }
        if not new:
            return
        shown = "\n".join(f" {name:<12} {fingerprint}" for name, (_, fingerprint) in list(new.items())[:12])
        more = f"\n and {len(new) - 12} more, as the table shows" if len(new) > 12 else ""
        if await self.app.push_screen_wait(
            Confirm(f"Are these the host keys of {len(new)} nodes?", shown + more)
        ):
            for node, fingerprint in new.values():
                node.fingerprint = fingerprint
            self.post_message(Edited())


def _refusal(index: int, node: NodeDraft, refused: errors.Refused) -> SshResult:
    """The server's no as a result, in the words that are about this node."""
    own = [told for field, told in refused.fields.items() if field.startswith(f"nodes.{index}.")]
    return SshResult(
        node=node.name,
        ip_address=node.ip_address,
        success=False,
        message=own[0] if own else str(refused),
        host_keys=[],
    )


def _file(kind: str) -> str:
    short = next((word for word in ("ed25519", "ecdsa", "rsa") if word in kind), "ed25519")
    return f"ssh_host_{short}_key.pub"
