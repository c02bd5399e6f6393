"""What the job screen says about a job, in lines."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from tui import text, wire
from tui.progress import JobProgress
from tui.stream import StreamState
from tui.widgets.event_log import EventLog

_STREAM = {
    StreamState.CONNECTING: "◐ connecting",
    StreamState.LIVE: "● live",
    StreamState.RECONNECTING: "▲ reconnecting",
    StreamState.ENDED: "○ complete",
    StreamState.REFUSED: "✗ no live events",
}


def stream(state: StreamState) -> str:
    """The state of the live events: a sign and a word."""
    return _STREAM[state]


def crumbs(job: wire.Job) -> str:
    """What the job is, how it stands, since when and by whom."""
    parts = [f"‹ jobs ‹ {job.type} {job.cluster_name}", text.status(job.status, works=True).plain]
    if job.waiting_for:
        parts.append(f"waits for: {job.waiting_for}")
    if job.reason and job.reason != job.status:
        parts.append(job.reason)
    if took := text.span(job.started_at, job.finished_at):
        parts.append(took)
    if left := _left(job):
        parts.append(left)
    if job.limited_to:
        parts.append(f"on {len(job.limited_to)} nodes")
    parts.append(f"by {job.created_by} {text.ago(job.created_at)}")
    return " · ".join(parts)


def _left(job: wire.Job) -> str:
    """When a running job should be through, in words; empty when nobody knows."""
    finish = job.estimated_finish_at
    if not isinstance(finish, datetime):
        return ""
    seconds = (text.aware(finish) - text.now()).total_seconds()
    return f"~{text.duration(seconds)} left" if seconds >= 1 else "should end now"


def remedy(*, over: bool, marked: int) -> str:
    """What can be done about a failure."""
    if not over:
        return " ▸ n the failure · x cancel · c cluster"
    again = f"on {marked} marked" if marked else "what failed"
    return f" ▸ r retry {again} · R on all nodes · n the failure · c cluster"


def tabs(progress: JobProgress, *, phases_shown: bool) -> str:
    """What is folded away in a narrow terminal, in numbers; ▸ is before what is shown."""
    done = sum(phase.status in {"succeeded", "skipped"} for phase in progress.phases.values())
    lost = Counter(counts.lost for counts in progress.hosts.values() if counts.lost)
    words = "".join(f" · ✗ {number} {word}" for word, number in lost.items())
    phases = f"p phases {done}/{len(progress.phases)}"
    hosts = f"h hosts {len(progress.hosts)}{words}"
    return f" {'▸' if phases_shown else ' '}{phases}   {' ' if phases_shown else '▸'}{hosts}"


def place(log: EventLog) -> str:
    """Whether a log follows its end, and what it has not shown."""
    if log.following:
        return "● follow"
    return f"○ +{log.missed:,} new, f follows" if log.missed else "○ f follows"
