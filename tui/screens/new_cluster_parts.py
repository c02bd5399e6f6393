"""Steps of the wizard that are rows of fields: template and name, topology, components."""

from __future__ import annotations

from typing import ClassVar

import msgspec
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.widgets import DataTable, Static

from tui import text, wire
from tui.screens.new_cluster_fields import ChoiceRow, Edited, Pane, TextRow, TickRow
from tui.widgets.row_table import Column, Row, RowTable
from tui.wizard.choices import Value
from tui.wizard.draft import COMPONENTS, COUNTS, NETWORKING, ExceptionDraft, TemplateChoice, shown
from tui.wizard.making import Making
from tui.wizard.steps import Step

NONE = "none"


def choice_of(template: wire.Template) -> TemplateChoice:
    """A template with what it says, by field."""
    said = {
        f"{part}.{member}": value
        for part in ("topology", "components", "hardening")
        for member, value in msgspec.structs.asdict(getattr(template, part)).items()
        if value is not None and member != "exceptions"
    }
    exceptions = template.hardening.exceptions
    return TemplateChoice(
        id=template.id,
        name=template.name,
        version=template.version,
        says=said,
        exceptions=None
        if exceptions is None
        else [ExceptionDraft(id=each.id, reason=each.reason) for each in exceptions],
    )


class TemplatePane(Pane):
    """The cluster's name, and the template that it begins with."""

    STEP = Step.TEMPLATE
    FIRST = "#at-name"
    COLUMNS: ClassVar = (
        Column("chosen", "", 2),
        Column("name", "TEMPLATE", 20),
        Column("version", "VERSION", 7),
        Column("says", "SAYS", 60),
    )

    DEFAULT_CSS = "TemplatePane RowTable { height: 1fr; min-height: 4; margin-top: 1; }"

    def __init__(self, making: Making) -> None:
        super().__init__(making)
        self._versions: dict[str, TemplateChoice] = {}

    def compose(self) -> ComposeResult:
        """Name, description, templates."""
        yield TextRow("name", "Name", hint="my-cluster")
        yield TextRow("description", "Description")
        yield RowTable(self.COLUMNS, id="templates")
        yield Static("enter chooses a template: it fills topology, components and hardening", markup=False)

    def offer(self, versions: list[wire.Template]) -> None:
        """Shows these versions of templates, besides none."""
        self._versions = {f"{one.id}:{one.version}": choice_of(one) for one in versions}
        self.fill()

    def fill(self) -> None:
        """The name, and which template is chosen."""
        draft = self.making.draft
        self.query(TextRow).first().put(draft.name)
        self.query(TextRow).last().put(draft.description)
        chosen = draft.template
        rows = [self._row(NONE, chosen is None, Text(NONE), Text(""), Text("everything is said by hand"))]
        offered = dict(self._versions)
        if chosen is not None:
            offered.setdefault(f"{chosen.id}:{chosen.version}", chosen)
        for key, one in offered.items():
            says = ", ".join(
                f"{field.partition('.')[2].removeprefix('enable_')} {shown(value)}"
                for field, value in one.says.items()
            )
            if one.exceptions:
                says = f"{says}, {len(one.exceptions)} items left out".removeprefix(", ")
            rows.append(
                self._row(key, one == chosen, text.plain(one.name), Text(f"v{one.version}"), text.plain(says))
            )
        self.query_one("#templates", RowTable).show(rows)

    def _row(self, key: str, chosen: bool, *cells: Text) -> Row:
        return Row(key, (Text("●" if chosen else " "), *cells))

    def take(self, field: str, value: Value) -> None:
        """Name and description."""
        setattr(self.making.draft, field, str(value).strip())

    @on(DataTable.RowSelected, "#templates")
    def _chosen(self, event: DataTable.RowSelected) -> None:
        event.stop()
        self.making.draft.template = self._versions.get(event.row_key.value or NONE)
        for field, value in list(self.making.draft.changed.items()):
            self.making.draft.says(field, value, self.making.choices)  # what the template says is no change
        self.fill()
        self.post_message(Edited())


class TopologyPane(Pane):
    """How many nodes of which role."""

    STEP = Step.TOPOLOGY
    FIRST = "#at-topology-control_plane_count"

    def compose(self) -> ComposeResult:
        """Two numbers and two switches."""
        yield TextRow(COUNTS[0], "Control planes")
        yield TextRow(COUNTS[1], "Workers")
        yield TickRow("topology.ha", "Availability", "highly available")
        yield TickRow("lab", "Lab", "nodes of keelyard lab")
        yield Static(
            "\nWorkers left empty are as many as the nodes step lists.\n"
            "Lab nodes are throwaway ones of `keelyard lab`; real machines are not.",
            markup=False,
        )

    def fill(self) -> None:
        """What holds; a number that follows the list stays empty."""
        draft, choices = self.making.draft, self.making.choices
        for row in self.query(TextRow):
            said = row.field in draft.changed or (
                draft.template is not None and row.field in draft.template.says
            )
            follows = row.field == COUNTS[1] and not said
            row.put("" if follows else draft.value(row.field, choices))
        for tick in self.query(TickRow):
            tick.put(draft.lab if tick.field == "lab" else draft.value(tick.field, choices))

    def take(self, field: str, value: Value) -> None:
        """Numbers, high availability, lab."""
        if field == "lab":
            self.making.draft.lab = bool(value)
        else:
            super().take(field, value)

    def origin(self, field: str) -> str:
        """High availability says what the server says of it."""
        refusal = self.making.choices.refusal(field, True) if field == "topology.ha" else None
        return refusal or super().origin(field)


class ComponentsPane(Pane):
    """What runs on the nodes, and the cluster's own address ranges."""

    STEP = Step.COMPONENTS
    FIRST = "#at-components-kubernetes_version"
    LABELS: ClassVar = dict(
        zip(
            (*COMPONENTS, *NETWORKING),
            ("Kubernetes", "Network (CNI)", "Ingress", "Runtime", "Pods", "Services", "DNS domain"),
            strict=True,
        )
    )

    def compose(self) -> ComposeResult:
        """Four choices, three texts."""
        for field in COMPONENTS:
            yield ChoiceRow(field, self.LABELS[field])
        yield Static("")
        for field in NETWORKING:
            yield TextRow(field, self.LABELS[field])

    def fill(self) -> None:
        """What holds."""
        draft, choices = self.making.draft, self.making.choices
        for row in self.query(ChoiceRow):
            row.put(draft.value(row.field, choices), choices.of_field(row.field))
        for entry in self.query(TextRow):
            entry.put(draft.value(entry.field, choices))
