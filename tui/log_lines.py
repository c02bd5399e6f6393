"""One event as one line of a log, and which lines somebody wants to see."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import msgspec

from tui import text, wire

#: What `show` goes through: its name, and the kinds of events it leaves.
SHOWN: dict[str, tuple[str, ...]] = {
    "all": (),
    "failed": ("host_failed", "host_unreachable"),
    "changed": ("host_changed",),
    "ok": ("host_ok",),
    "skipped": ("host_skipped",),
    "messages": ("message",),
    "phases": ("job_started", "phase_started", "phase_finished", "job_finished"),
}

_WORDS = {
    "host_ok": "ok",
    "host_changed": "changed",
    "host_skipped": "skipped",
    "host_failed": "✗ FAILED",
    "host_unreachable": "✗ LOST",
}
_STYLES = {
    "host_changed": "yellow",
    "host_skipped": "dim",
    "host_failed": "bold red",
    "host_unreachable": "bold red",
    "phase_started": "bold",
    "phase_finished": "bold",
    "job_started": "bold",
    "job_finished": "bold",
}
_SILENT = frozenset({"task_started", "recap"})
_LOUD = tuple(dict.fromkeys(kind for kinds in SHOWN.values() for kind in kinds))


class LogLine(msgspec.Struct, frozen=True, gc=False):
    """What a log keeps of an event: the rest is read again when somebody opens it."""

    sequence: int
    kind: str
    host: str
    phase: str
    text: str
    said_at: int  # where in `text` the task and the message begin: what a search looks at

    @property
    def failed(self) -> bool:
        """Whether a host failed or was lost here."""
        return self.kind in SHOWN["failed"]

    @property
    def style(self) -> str:
        """The colour that goes with the word."""
        return _STYLES.get(self.kind, "")

    def says(self, folded: str) -> bool:
        """Whether the task's name or the message contains the text, given in lower case."""
        return self.text.lower().find(folded, self.said_at) >= 0


@dataclass(frozen=True)
class LogFilter:
    """Which lines are wanted; the server knows the same filters."""

    host: str = ""
    phase: str = ""
    show: str = "all"  # a name in SHOWN
    search: str = ""  # only lines that say this

    def __bool__(self) -> bool:
        """Whether anything is left out."""
        return self != LogFilter()

    def matches(self, line: LogLine) -> bool:
        """Whether the line is wanted."""
        kinds = SHOWN[self.show]
        return (
            (not self.host or line.host == self.host)
            and (not self.phase or line.phase == self.phase)
            and (not kinds or line.kind in kinds)
            and (not self.search or line.says(self.search.lower()))
        )

    def query(self) -> dict[str, str]:
        """The same for `GET /jobs/{id}/events`."""
        kinds = SHOWN[self.show] or (_LOUD if self.search else ())
        given = {
            "host": self.host,
            "phase": self.phase,
            "kind": ",".join(kinds),
            "search": self.search,
        }
        return {name: value for name, value in given.items() if value}

    def words(self) -> str:
        """The filter as the operator reads it above the log."""
        said = f'only "{self.search}"' if self.search else ""
        phase = f"phase: {self.phase}" if self.phase else ""
        parts = [f"host: {self.host or 'all'}", f"show: {self.show}", phase, said]
        return text.one_line(" · ".join(part for part in parts if part))


def log_line(event: wire.Event) -> LogLine | None:
    """The event as a line; None for those that say nothing to a reader."""
    if event.kind in _SILENT:
        return None
    head, said = _parts(event)
    at = _clock(event.created_at)
    return LogLine(
        sequence=event.sequence,
        kind=event.kind,
        host=event.host or "",
        phase=event.phase or "",
        text=f"{at} {head}{said}",
        said_at=len(at) + 1 + len(head),
    )


def _parts(event: wire.Event) -> tuple[str, str]:
    message = text.one_line(event.message)
    match event.kind:
        case kind if kind in _WORDS:
            host = text.one_line(event.host or "")
            task = text.one_line(event.task or "")
            return f"{host:<14} {_WORDS[kind]:<9} ", f"{task}  {message}" if message else task
        case "phase_started":
            return f"── {text.one_line(event.phase or '')} {'─' * 12}", message
        case "phase_finished":
            status = text.one_line(str(event.data.get("status", "finished")))
            return f"── {text.one_line(event.phase or '')}: {status} ", message
        case "job_started":
            return "job started ", message
        case "job_finished":
            status = text.one_line(str(event.data.get("status", "")))
            return f"job finished: {status} ", text.one_line(str(event.data.get("reason") or message))
        case _:
            return "", message


_last_clock: tuple[int, str] = (-1, "")


def _clock(moment: datetime) -> str:
    """Local time to the second; most events share theirs with the one before."""
    global _last_clock  # noqa: PLW0603  a cache of one: converting zones is a third of a line's cost
    second = int(text.aware(moment).timestamp())
    if second != _last_clock[0]:
        _last_clock = (second, text.clock(moment))
    return _last_clock[1]
