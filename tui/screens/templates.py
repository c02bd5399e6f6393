"""Templates: all of them, and one with its versions and what differs between them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Static

from tui import messages, text, wire
from tui.client import Client
from tui.nouns import Noun
from tui.screens.dialogs import Dialog, TypeName
from tui.screens.listing import ListScreen
from tui.screens.template_form import MEMBERS, FromCluster, TemplateForm, part_of, shown
from tui.widgets.row_table import Column, Row, RowTable

_OPEN = "·"  # what a template leaves to the request


def _cells(template: wire.Template) -> tuple[Text, ...]:
    topology, components = template.topology, template.components
    nodes = (topology.control_plane_count, topology.worker_count)
    counts = "+".join(_OPEN if count is None else str(count) for count in nodes)
    return (
        Text(str(template.version)),
        Text(counts),
        text.plain(components.kubernetes_version or _OPEN),
        text.plain(components.cni or _OPEN),
        Text(text.ago(template.updated_at)),
        text.plain(text.one_line(template.description)),
    )


def _row(key: str, template: wire.Template, *first: Text) -> Row:
    written = text.aware(template.updated_at).timestamp()
    return Row(key, (*first, *_cells(template)), {"written": written})


_SAID = (
    Column("version", "VERSION", 7),
    Column("nodes", "NODES", 8),
    Column("kubernetes", "KUBERNETES", 10),
    Column("cni", "CNI", 8),
    Column("written", "WRITTEN", 8),
    Column("description", "DESCRIPTION", 40),
)


class TemplatesScreen(ListScreen[wire.Template]):
    """One line per template; enter opens its versions."""

    HEADING: ClassVar[str] = "templates"
    COLUMNS: ClassVar = (Column("name", "NAME", 20), *_SAID)
    EMPTY: ClassVar[str] = "No templates yet. n makes one, c makes one from a cluster."
    LEAST: ClassVar[Mapping[str, str]] = dict.fromkeys(("new", "new_version", "from", "delete"), "operator")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "new", "New", id="template.new", tooltip="Make a template"),
        Binding("c", "from", "From cluster", id="template.from", tooltip="Make a template from a cluster"),
        Binding("e", "new_version", "Edit", id="template.edit", tooltip="Write a new version of it"),
        Binding("ctrl+d", "delete", "Delete", id="template.delete", tooltip="Delete the template"),
    ]

    async def fetch_page(self, page: int) -> tuple[int, int, list[wire.Template]]:
        """One page of templates."""
        answer = await self.client.templates(page)
        return answer.total, answer.total_pages, answer.data

    def row(self, thing: wire.Template) -> Row:
        """Name, and what its latest version says."""
        return _row(thing.id, thing, text.plain(thing.name))

    def open(self, key: str) -> None:
        """Into the versions."""
        self.app.post_message(messages.Open("templates", key))

    @work(exclusive=True, group="act")
    async def action_new(self) -> None:
        """The form, empty."""
        made = await self.app.push_screen_wait(TemplateForm(self.client, None))
        if made is not None:
            self.say(f"{made.name} is made.")
            self.point_at(made.id)

    @work(exclusive=True, group="act")
    async def action_from(self) -> None:
        """Asks for a cluster and a name."""
        made = await self.app.push_screen_wait(FromCluster(self.client))
        if made is not None:
            self.say(f"{made.name} is made.")
            self.point_at(made.id)

    @work(exclusive=True, group="act")
    async def action_new_version(self) -> None:
        """The form, filled with the latest version."""
        if (template := self.subject()) is None:
            return
        written = await self.app.push_screen_wait(TemplateForm(self.client, template))
        if written is not None:
            self.say(f"{written.name} has version {written.version}.")
            self.action_refresh()

    @work(exclusive=True, group="act")
    async def action_delete(self) -> None:
        """Asks for the name, then deletes."""
        if (template := self.subject()) is None:
            return
        consequence = "All its versions go with it; clusters made from it stay as they are."
        question = TypeName(f"Delete template {template.name}", consequence, template.name)
        if await self.app.push_screen_wait(question):
            with self.reporting():
                await self.client.delete_template(template.id)
                self.say(f"{template.name} is deleted.")
                self.action_refresh()


class VersionsScreen(ListScreen[wire.Template]):
    """One line per version of a template, latest first; enter shows it whole."""

    HEADING: ClassVar[str] = "versions"
    COLUMNS: ClassVar = _SAID
    EMPTY: ClassVar[str] = "This template is gone."
    MARKS: ClassVar[bool] = True
    LEAST: ClassVar[Mapping[str, str]] = {"new_version": "operator"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("e", "new_version", "Edit", id="template.version", tooltip="Write a new version from this"),
        Binding(
            "x",
            "difference",
            "Difference",
            id="template.difference",
            tooltip="From the one before, or between two marked ones",
        ),
        Binding("escape", "back", "Back", id="back"),
    ]

    def __init__(self, client: Client, template_id: str) -> None:
        super().__init__(client)
        self._template_id = template_id
        self.template: wire.Template | None = None

    def heading(self) -> str:
        """Where one is."""
        name = self.template.name if self.template else self._template_id
        return f"‹ templates ‹ {text.one_line(name)} · versions"

    async def fetch_page(self, page: int) -> tuple[int, int, list[wire.Template]]:
        """One page of versions."""
        if self.template is None:
            self.template = await self.client.template(self._template_id)
        answer = await self.client.template_versions(self.template.id, page)
        return answer.total, answer.total_pages, answer.data

    def row(self, thing: wire.Template) -> Row:
        """What this version says."""
        return _row(str(thing.version), thing)

    def open(self, key: str) -> None:
        """A version in full."""
        for template in self.things:
            if str(template.version) == key:
                self.app.post_message(messages.Read(template))

    @work(exclusive=True, group="act")
    async def action_new_version(self) -> None:
        """The form, filled with the version under the cursor; what is written is the latest."""
        if (template := self.subject()) is None:
            return
        written = await self.app.push_screen_wait(TemplateForm(self.client, template))
        if written is not None:
            self.say(f"{written.name} has version {written.version}.")
            self.action_refresh()

    @work(exclusive=True, group="act")
    async def action_difference(self) -> None:
        """Between two marked versions, else between the one under the cursor and the one before it."""
        chosen = self.targets()
        with self.reporting():
            if not self.query_one(RowTable).marked and chosen and chosen[0].version > 1:
                before = chosen[0].version - 1
                chosen.append(await self.client.template(self._template_id, before))
            if len(chosen) != 2:
                self.say("Mark two versions with space, or choose one that has an earlier one.", failed=True)
                return
            old, new = sorted(chosen, key=lambda template: template.version)
            self.app.push_screen(Difference(old, new))


class Difference(Dialog[None]):
    """What changed from one version to another, member by member."""

    def __init__(self, old: wire.Template, new: wire.Template) -> None:
        super().__init__()
        self._heading = f"{text.one_line(new.name)}: version {old.version} to {new.version}"
        self._lines = "\n".join(_differences(old, new)) or "Nothing is different."

    def compose(self) -> ComposeResult:
        """A line each: a sign, the member, what it was and what it is."""
        with Vertical(classes="dialog"):
            yield Static(f"{self._heading}  (esc leaves)", markup=False)
            yield Static(self._lines, markup=False)


def _differences(old: wire.Template, new: wire.Template) -> list[str]:
    lines = []
    for member, label in MEMBERS:
        before, after = shown(part_of(old, member)), shown(part_of(new, member))
        if before != after:
            sign = "+" if not before else "-" if not after else "~"
            lines.append(f"{sign} {label:<11} {before or _OPEN} → {after or _OPEN}")
    return lines


_ONE = "/api/v1/templates/{template_id}"
NOUN = Noun(
    name="templates",
    what="what new clusters begin with",
    screen=TemplatesScreen,
    detail=VersionsScreen,
    key="8",
    aliases=("te", "template"),
    order=60,
    operations={
        "": ("GET /api/v1/templates", f"GET {_ONE}", f"GET {_ONE}/versions"),
        "template.new": ("POST /api/v1/templates",),
        "template.from": ("POST /api/v1/templates",),
        "template.edit": (f"PUT {_ONE}",),
        "template.version": (f"PUT {_ONE}",),
        "template.difference": (f"GET {_ONE}",),
        "template.delete": (f"DELETE {_ONE}",),
    },
)
