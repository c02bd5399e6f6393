"""What a person sees while a job runs: phases, the task at hand, counts per host. Fed with events only."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

_MARKS = {
    "pending": ("·", "dim"),
    "running": ("▸", "cyan"),
    "succeeded": ("✓", "green"),
    "skipped": ("–", "dim"),
    "failed": ("✗", "red"),
}
_COUNTED = {
    "host_ok": "ok",
    "host_changed": "changed",
    "host_failed": "failed",
    "host_unreachable": "unreachable",
    "host_skipped": "skipped",
}


class _Phase:
    def __init__(self, slug: str, name: str, status: str) -> None:
        self.slug, self.name, self.status = slug, name, status
        self.started: float | None = None
        self.finished: float | None = None

    def elapsed(self, now: float) -> float | None:
        if self.started is None:
            return None
        return (self.finished if self.finished is not None else now) - self.started


class JobProgress:
    """The state of one job as its events tell it; `render()` draws it."""

    def __init__(self, title: str, phases: Iterable[tuple[str, str, str]]) -> None:
        self._title = title
        self._phases = {slug: _Phase(slug, name, status) for slug, name, status in phases}
        self._began = time.monotonic()
        self._task = ""
        self._hosts: dict[str, dict[str, int]] = {}
        self._problems: list[str] = []
        self.status = "queued"
        self.reason = ""

    @property
    def finished(self) -> bool:
        """Whether the job's last event was seen."""
        return self.status not in {"queued", "running"}

    def observe(self, event: dict[str, Any]) -> None:
        """Takes in one event in the shape of the API."""
        kind = event.get("kind", "")
        if kind in _COUNTED:
            self._count(kind, event)
        elif kind in {"phase_started", "phase_finished"}:
            self._move_phase(kind, event)
        elif kind == "task_started":
            self._task = str(event.get("task") or "")
        elif kind == "job_started":
            self.status = "running"
        elif kind == "job_finished":
            data = event.get("data") or {}
            self.status, self.reason = str(data.get("status", "failed")), str(event.get("message") or "")
            self._task = ""

    def _count(self, kind: str, event: dict[str, Any]) -> None:
        host = str(event.get("host") or "?")
        counts = self._hosts.setdefault(host, {})
        label = _COUNTED[kind]
        counts[label] = counts.get(label, 0) + 1
        if kind in {"host_failed", "host_unreachable"} and not (event.get("data") or {}).get("ignored"):
            self._problems.append(f"{host}: {event.get('message') or event.get('task') or kind}")

    def _move_phase(self, kind: str, event: dict[str, Any]) -> None:
        phase = self._phases.get(str(event.get("phase")))
        if phase is None:
            return
        now = time.monotonic()
        if kind == "phase_started":
            phase.status, phase.started = "running", now
            return
        phase.status, phase.finished = str((event.get("data") or {}).get("status", "succeeded")), now

    def render(self) -> RenderableType:
        """The whole picture, for a live display or one last print."""
        now = time.monotonic()
        done = sum(1 for p in self._phases.values() if p.status in {"succeeded", "skipped"})
        head = Table.grid(padding=(0, 2))
        head.add_row(
            Text(self._title, style="bold"),
            ProgressBar(total=max(len(self._phases), 1), completed=done, width=32),
            Text(f"{done}/{len(self._phases)} phases"),
            Text(clock(now - self._began), style="cyan"),
        )
        parts: list[RenderableType] = [head, self._phase_table(now)]
        if self._task:
            parts.append(Text(f"  {self._task}", style="dim", no_wrap=True, overflow="ellipsis"))
        if self._hosts:
            parts.append(self._host_table())
        parts.extend(Text(f"  ✗ {problem}", style="red") for problem in self._problems[-5:])
        return Group(*parts)

    def _phase_table(self, now: float) -> Table:
        table = Table.grid(padding=(0, 2))
        for phase in self._phases.values():
            mark, style = _MARKS.get(phase.status, _MARKS["pending"])
            seconds = phase.elapsed(now)
            table.add_row(
                Text(f"  {mark}", style=style),
                Text(phase.name, style=style),
                Text("" if seconds is None else clock(seconds), style="dim"),
            )
        return table

    def _host_table(self) -> Table:
        table = Table.grid(padding=(0, 2))
        for host, counts in sorted(self._hosts.items()):
            text = "  ".join(f"{label} {counts[label]}" for label in _COUNTED.values() if label in counts)
            failed = counts.get("failed", 0) + counts.get("unreachable", 0)
            table.add_row(Text("  "), Text(host), Text(text, style="red" if failed else "dim"))
        return table


def clock(seconds: float) -> str:
    """`1:05` for 65 seconds; tenths below one minute."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02d} min"
