"""The audit log: who did what to what, from where, with what outcome; newest first."""

from __future__ import annotations

from typing import ClassVar

import msgspec
from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input, Static

from tui import files, messages, text, wire
from tui.client import Client
from tui.nouns import Noun
from tui.screens.dialogs import AskPath, Dialog
from tui.screens.listing import ListScreen
from tui.widgets.row_table import Column, Row

_FORMATS = ("csv", "jsonl")
FILTERS = ("actor", "action", "resource", "status", "since", "until")
_OUTCOMES = {"success": ("✓", "green"), "refused": ("▲", "yellow"), "failed": ("✗", "red")}


def parse(line: str) -> dict[str, str]:
    """`actor=ana@example.com status=refused` as a query; raises ValueError that says what is wrong."""
    found = {}
    for word in line.split():
        name, sign, value = word.partition("=")
        if not sign or name not in FILTERS or not value:
            raise ValueError(
                f"{word!r} is no filter; there are: " + ", ".join(f"{each}=" for each in FILTERS)
            )
        found[name] = value
    return found


def entry_row(entry: wire.AuditEntry) -> Row:
    """An entry as a line of the log."""
    sign, style = _OUTCOMES.get(entry.status, ("?", ""))
    return Row(
        entry.id,
        (
            Text(text.ago(entry.timestamp)),
            Text(f"{sign} {text.one_line(entry.status)}", style=style, no_wrap=True),
            text.plain(entry.actor),
            text.plain(entry.action),
            text.plain(entry.resource_name or entry.resource_id),
            text.plain(entry.address),
        ),
    )


class AskFilters(Dialog[str]):
    """Which entries."""

    def __init__(self, line: str) -> None:
        super().__init__()
        self._line = line

    def compose(self) -> ComposeResult:
        """One line of filters."""
        with Vertical(classes="dialog"):
            names = "  ".join(f"{name}=" for name in FILTERS)
            yield Static(
                f"Which entries?  {names}\nenter takes it, esc leaves; empty shows all", markup=False
            )
            yield Input(self._line, id="filters", compact=True)
            yield Static("", id="wrong", markup=False)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        try:
            parse(event.value)
        except ValueError as wrong:
            self.query_one("#wrong", Static).update(f"✗ {text.one_line(str(wrong))}")
        else:
            self.dismiss(event.value.strip())


class ShowEntry(Dialog[None]):
    """One entry in full."""

    def __init__(self, entry: wire.AuditEntry) -> None:
        super().__init__()
        self._entry = entry

    def compose(self) -> ComposeResult:
        """A line per member."""
        entry = self._entry
        told = {
            "time": f"{entry.timestamp:%Y-%m-%d %H:%M:%S}Z",
            "outcome": entry.status,
            "actor": entry.actor or "nobody known",
            "action": entry.action,
            "resource": " ".join(
                part for part in (entry.resource_type, entry.resource_name, entry.resource_id) if part
            ),
            "address": entry.address,
            "correlation": entry.correlation_id,
            "details": msgspec.json.encode(entry.details).decode(),
        }
        with Vertical(classes="dialog tall"):
            lines = "\n".join(f"{name:<12}{text.one_line(value)}" for name, value in told.items())
            yield Static(f"{lines}\n\nesc leaves", markup=False)


class AuditLogScreen(ListScreen[wire.AuditEntry]):
    """One line per entry; enter shows it in full, f narrows."""

    HEADING: ClassVar[str] = "audit log"
    COLUMNS: ClassVar = (
        Column("time", "WHEN", 9),
        Column("status", "OUTCOME", 10),
        Column("actor", "ACTOR", 20),
        Column("action", "ACTION", 18),
        Column("resource", "RESOURCE", 14),
        Column("address", "FROM", 12),
    )
    EMPTY: ClassVar[str] = "No entry fits. Press f to change the filters."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f", "filters", "Filters", id="audit.filters", tooltip="Ask the server for certain entries"),
        Binding("x", "save", "Save all", id="audit.save", tooltip="Save all that fit as CSV or JSON lines"),
        Binding("h", "head", "Head", id="audit.head", tooltip="The end of the chain, to keep elsewhere"),
    ]

    def __init__(self, client: Client) -> None:
        super().__init__(client)
        self._line = ""

    def heading(self) -> str:
        """With the filters in force."""
        return f"{self.HEADING} {self._line}".rstrip()

    async def fetch_page(self, page: int) -> tuple[int, int, list[wire.AuditEntry]]:
        """One page of the entries that fit."""
        answer = await self.client.audit_log(page, **parse(self._line))
        return answer.total, answer.total_pages, answer.data

    def row(self, thing: wire.AuditEntry) -> Row:
        """Age, outcome, actor, action, resource, address."""
        return entry_row(thing)

    def open(self, key: str) -> None:
        """The entry in full."""
        entry = next((entry for entry in self.things if entry.id == key), None)
        if entry is not None:
            self.app.push_screen(ShowEntry(entry))

    @work(exclusive=True, group="act")
    async def action_filters(self) -> None:
        """Asks for filters, then for the entries."""
        line = await self.app.push_screen_wait(AskFilters(self._line))
        if line is not None:
            self._line, self.page = line, 1
            self.action_refresh()

    @work(exclusive=True, group="act")
    async def action_head(self) -> None:
        """The end of the chain in full; Y copies it there."""
        with self.reporting():
            self.app.post_message(messages.Read(await self.client.audit_head()))

    @work(exclusive=True, group="act")
    async def action_save(self) -> None:
        """Asks where; the file's ending says the format."""
        path = await self.app.push_screen_wait(
            AskPath("Save every entry that fits, by the ending as .csv or .jsonl", "./audit-log.jsonl")
        )
        if path is None:
            return
        form = path.rpartition(".")[2]
        if form not in _FORMATS:
            self.say(f"{path} ends in neither .csv nor .jsonl.", failed=True)
            return
        with self.reporting():
            if self.app.is_web:
                pieces = [piece async for piece in self.client.audit_file(form, **parse(self._line))]
                self.deliver(f"audit-log.{form}", b"".join(pieces).decode())
                return
            try:
                saved, size = await files.save_stream(self.client.audit_file(form, **parse(self._line)), path)
            except FileExistsError:
                self.say(f"{path} exists and was left as it is. Choose another name.", failed=True)
            except OSError as error:
                self.say(f"{path} cannot be written: {error.strerror}.", failed=True)
            else:
                self.say(f"Saved {size} bytes in {saved}")


NOUN = Noun(
    name="audit",
    what="who did what, refused or not",
    screen=AuditLogScreen,
    key="6",
    aliases=("au",),
    least="operator",
    order=70,
    operations={
        "": ("GET /api/v1/audit-logs",),
        "audit.filters": ("GET /api/v1/audit-logs",),
        "audit.save": ("GET /api/v1/audit-logs",),
        "audit.head": ("GET /api/v1/audit-logs/head",),
    },
)
