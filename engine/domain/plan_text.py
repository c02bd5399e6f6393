"""A plan as text for people: what would change, how certain that is, and the difference it makes."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from engine.domain import plans
from engine.domain.plans import Certainty, Diff, Document, HostPlan, Item

LINES = 40  # of one diff, unless all are asked for
_SIGNS = {Certainty.EXACT: "~", Certainty.DECLARED: "+", Certainty.UNKNOWN: "?"}
_CONTEXT = 2


def render(document: Document, *, all_lines: bool = False) -> str:
    """The whole plan, ending in a line with its figures."""
    lines = [line for name, host in document.hosts.items() for line in _host(name, host, all_lines=all_lines)]
    return "\n".join([*lines, figures(document)])


def figures(document: Document) -> str:
    """How much would change, in one sentence."""
    found = plans.summary(document)
    wrong = f" {found.findings} other thing{_s(found.findings)} not right." if found.findings else ""
    if not found.changes:
        return f"Nothing would change on {found.hosts} node{_s(found.hosts)}.{wrong}"
    return (
        f"{found.changes} change{_s(found.changes)} on {found.changed_hosts} of {found.hosts} nodes: "
        f"{found.exact} exact, {found.declared} declared, {found.unknown} unknown.{wrong}"
    )


def diff_lines(diff: Diff, *, all_lines: bool = False) -> list[str]:
    """One diff as lines that begin with -, + or a blank; a long one is cut and says so."""
    if diff.before:
        compared = difflib.unified_diff(
            diff.before.splitlines(), diff.after.splitlines(), n=_CONTEXT, lineterm=""
        )
        lines = [line for line in compared if not line.startswith(("---", "+++"))]
    elif diff.title:
        lines = [f"+{line}" for line in diff.after.splitlines()]
    else:
        lines = diff.after.splitlines()  # a diff already
    if len(lines) > LINES and not all_lines:
        lines = [*lines[:LINES], f"… {len(lines) - LINES} more lines"]
    return [*lines, f"({diff.note})"] if diff.note else lines


def _host(name: str, host: HostPlan, *, all_lines: bool) -> Iterator[str]:
    count = len(host.items)
    yield f"{name}: {f'{count} change{_s(count)}' if count else 'no changes'}"
    for item in host.items:
        yield from _item(item, all_lines=all_lines)
    for finding in host.findings:
        yield f"  ! {finding.subject} {finding.problem}"
    yield ""


def _item(item: Item, *, all_lines: bool) -> Iterator[str]:
    yield f"  {_SIGNS[item.certainty]} {item.certainty.value:<8}  {item.phase}: {item.task}"
    yield f"      {item.what}"
    for diff in item.diffs:
        if diff.title and diff.title != item.what:
            yield f"      {diff.title}"
        yield from (f"        {line}" for line in diff_lines(diff, all_lines=all_lines))


def _s(count: int) -> str:
    return "" if count == 1 else "s"
