"""The dashboard's lines: from what the server said, a moment and a width to text. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import chain

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from tui import text, wire

_SEVERITIES = {
    "critical": ("✗", "bold red"),
    "warning": ("▲", "bold yellow"),
    "unknown": ("?", "yellow"),
    "notice": ("○", "dim"),
}
_FULL, _EMPTY = "█", "░"
_NARROW = 110
_HINT_WIDTH = 9
_SINCE_WIDTH = 8
_ORDER = ("running", "ready", "provisioning", "failed", "pending")  # of statuses; others come after
_UNITS = ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"))


def attention(item: wire.Attention, now: datetime, width: int, keys: Mapping[str, str]) -> Text:
    """One thing that wants somebody: sign, what, of which, why, since when, and the key that helps.

    Args:
        item: what the server said.
        now: by the server's clock.
        width: of the line, in cells.
        keys: action -> the key that carries it out.
    """
    what, name = _widths(width)
    sign, style = _SEVERITIES.get(item.severity, ("?", ""))
    since = f"{coarse((now - text.aware(item.since)).total_seconds())} ago" if item.since else ""
    narrow = width < _NARROW
    key = keys.get(item.action or "")
    hint = f"{key} {item.action}" if key else "enter ▸" if item.subject.noun else ""
    if narrow:  # the keys below say the rest
        hint = key or "▸" * bool(item.subject.noun)
    hints = 1 if narrow else _HINT_WIDTH
    rest = width - 2 - what - name - 2 - _SINCE_WIDTH - 1 - hints - 1
    line = Text(no_wrap=True)
    line.append(f"{sign} ", style)
    line.append(f"{fitted(item.what, what)} {fitted(item.subject.name, name)} ", style="bold")
    line.append(f"{fitted(item.message, rest)} {since:>{_SINCE_WIDTH}} ")
    line.append(f"{hint:<{hints}}", style="dim")
    return line


def running(job: wire.RunningJob, asked_at: datetime, now: datetime, width: int) -> Text:
    """One job that runs: its phase, a bar, phases done, how long it has run and how long it will.

    Args:
        job: as the server knew it at `asked_at`.
        asked_at: by the server's clock.
        now: by the server's clock; the bar goes on between two answers.
        width: of the line, in cells.
    """
    what, name = _widths(width)
    bar = 10 if width < _NARROW else 20
    rest = width - 2 - what - name - 2 - 1 - bar - 1 - 5 - 1 - 6 - 1 - 12
    took = text.duration((now - text.aware(job.started_at)).total_seconds()) if job.started_at else ""
    line = Text(no_wrap=True)
    line.append("◐ ", "cyan")
    line.append(f"{fitted(job.type, what)} {fitted(job.cluster_name, name)} ", style="bold")
    line.append(f"{fitted(job.phase or _between(job), rest)} ")
    done = round(bar * share_done(job, asked_at, now))
    line.append(_FULL * done, "cyan")
    line.append(_EMPTY * (bar - done), "dim")
    counted = f"{job.phases_done}/{job.phases}"
    line.append(f" {counted:>5} {took:>6} {_left(job, now):>12}")
    return line


def _between(job: wire.RunningJob) -> str:
    return "next phase" if job.phases_done else "starting"


def share_done(job: wire.RunningJob, asked_at: datetime, now: datetime) -> float:
    """How far a job should be now, from 0 to 1; without an estimate as far as the server knew."""
    known = job.progress / 100
    if job.estimated_finish_at is None:
        return known
    whole = (text.aware(job.estimated_finish_at) - text.aware(asked_at)).total_seconds()
    passed = (now - text.aware(asked_at)).total_seconds()
    return min(0.99, known + (1 - known) * passed / whole) if whole > 0 else known


def _left(job: wire.RunningJob, now: datetime) -> str:
    if job.estimated_finish_at is None:
        return ""
    seconds = (text.aware(job.estimated_finish_at) - now).total_seconds()
    return f"~{text.duration(seconds)} left" if seconds >= 1 else "any moment"


def fleet(seen: wire.Overview, width: int) -> list[Text]:
    """How much of everything there is: clusters, nodes, workers and what waits for them."""
    workers = [Text(f"queue {seen.queued_count}", style="bold yellow" if seen.queued_count else "")]
    workers += [_worker(worker) for worker in seen.workers]
    return [
        _counted("clusters", seen.clusters_count, _statuses(seen.clusters), width),
        _counted("nodes", seen.nodes_count, _statuses(seen.nodes), width),
        _counted("workers", len(seen.workers), workers, width),
    ]


def _worker(worker: wire.WorkerUse) -> Text:
    used = f"{worker.forks_used}/{worker.forks}"
    shown = text.plain(worker.name).append(" ")
    if worker.state == "ready":
        return shown.append_text(Text(f"● {used}", style="green"))
    shown.append_text(text.status(worker.state))
    return shown.append(f" {used}") if worker.forks_used else shown


def _statuses(counts: Mapping[str, int]) -> list[Text]:
    known = [status for status in _ORDER if status in counts]
    found = []
    for status in (*known, *sorted(set(counts) - set(known))):
        sign = text.status(status)
        found.append(Text(f"{sign.plain[:1]} {counts[status]} {sign.plain[2:]}", style=sign.style))
    return found


def _counted(label: str, count: int, parts: Iterable[Text], width: int) -> Text:
    """A line of parts; those that do not fit are counted."""
    line = Text(f"{label:<9}{count:>6}   ", no_wrap=True)
    left = list(parts)
    while left:
        room = width - line.cell_len - (len(f"and {len(left) - 1} more") if len(left) > 1 else 0)
        if left[0].cell_len + 3 > room:
            line.append(f"and {len(left)} more", style="dim")
            break
        line.append_text(left.pop(0)).append("   ")
    return line


def heading(title: str, count: int, hidden: int, width: int) -> Text:
    """A section's first line; says how many more there are than are in sight."""
    start = f"{title} {count} " if count else f"{title} "
    end = f" {hidden} more " if hidden else ""
    return Text(f"{start}{'─' * max(0, width - cell_len(start) - len(end))}{end}", style="bold", no_wrap=True)


def heights(wanted: tuple[int, int], room: int) -> tuple[int, int]:
    """How many of so many lines two sections get: what they want, else half each, or what is left over."""
    first, second = wanted
    half = room // 2
    if first + second <= room:
        return first, second
    if first <= half:
        return first, room - first
    if second <= room - half:
        return room - second, second
    return half, room - half


def coarse(seconds: float) -> str:
    """A span in its biggest unit, so that it rarely changes: 8s, 4m, 3h, 12d."""
    whole = max(0, int(seconds))
    size, unit = next((each for each in _UNITS if whole >= each[0]), (1, "s"))
    return f"{whole // size}{unit}"


def fitted(words: str, width: int) -> str:
    """Text from outside on one line of just this width; what is cut ends in dots."""
    line = text.one_line(words)
    if cell_len(line) > width:
        line = set_cell_size(line, max(0, width - 1)).rstrip() + "…"
    return set_cell_size(line, width)


def summary(seen: wire.Overview) -> str:
    """Everything in one sentence."""
    said = chain(
        [_plural(seen.attention_count, "thing wants you", "things want you")] if seen.attention_count else [],
        [_plural(seen.running_count, "job runs", "jobs run")] if seen.running_count else [],
        [_plural(seen.queued_count, "waits", "wait")] if seen.queued_count else [],
    )
    return " · ".join(said) or "all is well"


def _plural(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"


def _widths(width: int) -> tuple[int, int]:
    """Of what it is, and of its name."""
    if width < _NARROW:
        return 12, 12
    return (22, 20) if width < 170 else (22, 36)
