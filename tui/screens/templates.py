"""Templates: all of them, and one with its versions."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, Static

from tui import errors, messages, text, wire
from tui.client import Client
from tui.nouns import Noun
from tui.screens.dialogs import Dialog, TypeName
from tui.screens.listing import ListScreen
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


_SAID = (
    Column("version", "VERSION", 7),
    Column("nodes", "NODES", 8),
    Column("kubernetes", "KUBERNETES", 10),
    Column("cni", "CNI", 8),
    Column("written", "WRITTEN", 8),
    Column("description", "DESCRIPTION", 40),
)


class FromCluster(Dialog[wire.Template]):
    """Makes a template of what a cluster is; the server's refusals stay on it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+s", "save", "Save")]

    def __init__(self, client: Client) -> None:
        super().__init__()
        self._client = client

    def compose(self) -> ComposeResult:
        """Which cluster, and how the template is called."""
        with Vertical(classes="dialog form"):
            yield Static("New template from a cluster", markup=False)
            for member, label in (("cluster", "Cluster"), ("name", "Name"), ("description", "Description")):
                with Horizontal(classes="field"):
                    yield Static(label, classes="label", markup=False)
                    yield Input(id=member, compact=True)
            yield Static("It takes topology and components. enter or ctrl+s saves, esc leaves.", markup=False)
            yield Static("", id="dialog-error", markup=False)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_save()

    @work(exclusive=True)
    async def action_save(self) -> None:
        """Reads the cluster and sends the template."""
        said = {
            member: self.query_one(f"#{member}", Input).value for member in ("cluster", "name", "description")
        }
        try:
            cluster = await self._client.cluster(said["cluster"])
            made = await self._client.template_from(cluster, said["name"], said["description"])
        except errors.SessionEnded as ended:
            self.app.post_message(messages.SignInNeeded(str(ended)))
        except errors.ApiError as refused:
            self.query_one("#dialog-error", Static).update(f"✗ {text.clean(str(refused))}")
        else:
            self.dismiss(made)


class TemplatesScreen(ListScreen[wire.Template]):
    """One line per template; enter opens its versions."""

    HEADING: ClassVar[str] = "templates"
    COLUMNS: ClassVar = (Column("name", "NAME", 20), *_SAID)
    EMPTY: ClassVar[str] = "No templates yet. n makes one from a cluster."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "new", "New", id="template.new", tooltip="Make a template from a cluster"),
        Binding("ctrl+d", "delete", "Delete", id="template.delete", tooltip="Delete the template"),
    ]

    async def fetch_page(self, page: int) -> tuple[int, int, list[wire.Template]]:
        """One page of templates."""
        answer = await self.client.templates(page)
        return answer.total, answer.total_pages, answer.data

    def row(self, thing: wire.Template) -> Row:
        """Name, and what its latest version says."""
        return Row(thing.id, (text.plain(thing.name), *_cells(thing)))

    def open(self, key: str) -> None:
        """Into the versions."""
        for template in self.things:
            if template.id == key:
                self.app.push_screen(VersionsScreen(self.client, template))

    @work(exclusive=True, group="act")
    async def action_new(self) -> None:
        """Asks for a cluster and a name."""
        made = await self.app.push_screen_wait(FromCluster(self.client))
        if made is not None:
            self.say(f"{made.name} is made.")
            self.action_refresh()

    @work(exclusive=True, group="act")
    async def action_delete(self) -> None:
        """Asks for the name, then deletes."""
        key = self.query_one(RowTable).selected
        template = next((one for one in self.things if one.id == key), None)
        if template is None:
            return
        consequence = "All its versions go with it; clusters made from it stay as they are."
        if await self.app.push_screen_wait(
            TypeName(f"Delete template {template.name}", consequence, template.name)
        ):
            with self.reporting():
                await self.client.delete_template(template.id)
                self.say(f"{template.name} is deleted.")
                self.action_refresh()


class VersionsScreen(ListScreen[wire.Template]):
    """One line per version of a template, latest first."""

    HEADING: ClassVar[str] = "versions"
    COLUMNS: ClassVar = _SAID
    EMPTY: ClassVar[str] = "This template is gone."
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "back", "Back", id="back")]

    def __init__(self, client: Client, template: wire.Template) -> None:
        super().__init__(client)
        self._template = template

    def heading(self) -> str:
        """Where one is."""
        return f"‹ templates ‹ {text.one_line(self._template.name)} · versions"

    async def fetch_page(self, page: int) -> tuple[int, int, list[wire.Template]]:
        """One page of versions."""
        answer = await self.client.template_versions(self._template.id, page)
        return answer.total, answer.total_pages, answer.data

    def row(self, thing: wire.Template) -> Row:
        """What this version says."""
        return Row(str(thing.version), _cells(thing))

    def open(self, key: str) -> None:
        """A version is all on its line."""


NOUN = Noun(
    name="templates",
    what="what new clusters begin with",
    screen=TemplatesScreen,
    key="8",
    aliases=("te", "template"),
    order=60,
)
