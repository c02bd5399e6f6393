"""The files that a job left: what the scanners wrote, as they wrote it."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual import work
from textual.binding import Binding, BindingType

from tui import messages, text, wire
from tui.client import Client
from tui.nouns import Noun
from tui.screens import saving
from tui.screens.listing import ListScreen
from tui.widgets.row_table import Column, Row


class ArtifactsScreen(ListScreen[wire.Artifact]):
    """One line per file; enter saves it."""

    HEADING: ClassVar[str] = "artifacts"
    COLUMNS: ClassVar = (
        Column("name", "FILE", 36),
        Column("size", "BYTES", 10),
        Column("made", "MADE", 10),
        Column("type", "TYPE", 18),
        Column("sha256", "SHA-256", 64),
    )
    EMPTY: ClassVar[str] = "This job left no files. Scans do: harden and scan jobs."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("w", "save", "Save", id="artifact.save", tooltip="Save the file as the job left it"),
        Binding("j", "job", "Job", id="artifact.job", tooltip="The job that left these files"),
        Binding("escape", "back", "Back", id="back"),
    ]

    def __init__(self, client: Client, job_id: str) -> None:
        super().__init__(client)
        self._job_id = job_id

    async def fetch_page(self, page: int) -> tuple[int, int, list[wire.Artifact]]:
        """All of them: a job leaves a few per node."""
        found = await self.client.artifacts(self._job_id)
        return len(found), 1, found

    def row(self, thing: wire.Artifact) -> Row:
        """Name, size, age, type, sum."""
        cells = (
            text.plain(thing.name),
            Text(f"{thing.size:,}"),
            Text(text.ago(thing.created_at)),
            text.plain(thing.media_type),
            text.plain(thing.sha256),
        )
        numbers = {"size": float(thing.size), "made": text.aware(thing.created_at).timestamp()}
        return Row(thing.name, cells, numbers)

    def open(self, key: str) -> None:
        """Saves it."""
        self._save(key)

    def action_save(self) -> None:
        """Saves the file under the cursor."""
        if (file := self.subject()) is not None:
            self._save(file.name)

    @work(exclusive=True, group="act")
    async def _save(self, name: str) -> None:
        with self.reporting():
            title = f"Save {text.one_line(name)}"
            suggested = name.strip("/").replace("/", "-") or "artifact"
            await saving.save(self, self.client.artifact(self._job_id, name), title, suggested)

    def action_job(self) -> None:
        """Into the job."""
        self.app.post_message(messages.Open("jobs", self._job_id))


_ALL = "/api/v1/jobs/{job_id}/artifacts"
NOUN = Noun(
    name="artifacts",
    what="files that a job left: raw reports of scanners",
    detail=ArtifactsScreen,
    of="jobs",
    order=27,
    operations={"": (f"GET {_ALL}",), "artifact.save": (f"GET {_ALL}/{{name}}",)},
)
