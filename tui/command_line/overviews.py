"""The overview as lines: what wants somebody first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tui import text
from tui.command_line.table import moment

_SIGNS = {"critical": "✗", "warning": "▲", "unknown": "?", "notice": "○"}


def as_text(overview: Mapping[str, Any]) -> str:
    """Everything at a glance."""
    return "\n".join(text.clean(line).replace("\n", " ") for line in _lines(overview))


def _lines(overview: Mapping[str, Any]) -> Iterator[str]:
    yield f"NEEDS YOU ({overview['attention_count']})"
    for each in overview["attention"]:
        sign = _SIGNS.get(each["severity"], "?")
        since = text.ago(moment(each["since"]))
        yield f"  {sign} {each['what']} {each['subject']['name']}: {each['message']} {since}".rstrip()
    yield f"RUNNING ({overview['running_count']}, {overview['queued_count']} queued)"
    for job in overview["running"]:
        left = text.ahead(moment(job["estimated_finish_at"]))
        done = f"{job['phase'] or ''} {job['phases_done']}/{job['phases']} {job['progress']}%"
        yield f"  ◐ {job['type']} {job['cluster_name']}: {done} {left}".rstrip()
    yield f"CLUSTERS ({overview['clusters_count']}): {_counts(overview['clusters'])}"
    yield f"NODES ({overview['nodes_count']}): {_counts(overview['nodes'])}"
    workers = (f"{each['name']} {each['state']} {each['jobs']} jobs" for each in overview["workers"])
    yield f"WORKERS: {', '.join(workers)}"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {state}" for state, count in counts.items() if count)
