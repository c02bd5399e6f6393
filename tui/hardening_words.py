"""Hardening in words: settings, scores with their figures, what changed from one scan to another. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from tui import text, wire
from tui.glance import fitted

OUTCOMES = ("fail", "excepted", "manual", "not_applicable", "pass")
SCANNERS = ("kube-bench", "openscap", "lynis")
_FULL, _EMPTY = "█", "░"
_BAR = 20
_MOST_SCORES = 12  # in the chart; the tab of the scans has all
_NAME = 10

#: What the last question before a harden job says.
GUARDED = (
    "Every node is brought up to what is switched on. Control planes restart one at a time; one whose API "
    "does not come back gets its old configuration again, and the job stops.\n"
    "Changes of SSH and the firewall stay only once a new connection has confirmed them; else the node "
    "takes them back by itself. A scan ends the job."
)
#: The same before the key of the encryption at rest is changed.
ROTATED = (
    "The API servers restart one at a time, and every Secret is written again with the new key. "
    "The old one is dropped at the end."
)


def score(value: float | None) -> str:
    """A score to one place; a dash for none."""
    return "–" if value is None else f"{value:.1f}"


def switched(on: bool) -> Text:
    """On or off, by sign and word."""
    return text.status("on" if on else "off")


def what_is_on(set_to: wire.ClusterHardening) -> str:
    """The benchmarks that are on, in one line."""
    names = (
        ("CIS Kubernetes", set_to.enable_cis_k8s_benchmark),
        ("CIS Linux", set_to.enable_cis_linux_benchmark),
        ("default-deny network policies", set_to.default_deny_network_policies),
    )
    found = [name for name, on in names if on]
    return f"{', '.join(found)}, level {set_to.level}" if found else "nothing is switched on"


def settings(set_to: wire.ClusterHardening) -> Text:
    """What is switched on, and how much is not as the benchmarks have it."""
    lines = Text()
    lines.append(" SETTINGS\n", style="bold")
    for label, on in (
        ("CIS Kubernetes", set_to.enable_cis_k8s_benchmark),
        ("CIS Linux", set_to.enable_cis_linux_benchmark),
        ("default deny", set_to.default_deny_network_policies),
    ):
        lines.append_text(Text.assemble(f"  {label:<16}", switched(on), "\n"))
    lines.append(f"  {'level':<16}{set_to.level}\n")
    lines.append(f"  {'exceptions':<16}{len(set_to.exceptions)} of its own; ")
    lines.append(f"{len(set_to.adapted)} items not as the benchmark has them\n")
    return lines


def overview(set_to: wire.ClusterHardening, scans: Sequence[wire.ReportLine]) -> Text:
    """Settings, the last scan scanner by scanner, and the score over time."""
    lines = settings(set_to)
    lines.append("\n LAST SCAN\n", style="bold")
    latest = scans[0] if scans else set_to.latest
    if latest is None:
        lines.append("  Nothing was scanned yet. v scans and changes nothing.\n")
        return lines
    lines.append_text(scanners(latest))
    lines.append("\n SCORE OVER TIME", style="bold")
    lines.append("  the lowest of the scanners, out of 100\n", style="dim")
    lines.append_text(chart(scans))
    return lines


def scanners(scan: wire.ReportLine) -> Text:
    """What each scanner said, as a small table; those that did not run say so and why."""
    head = f"{'':<11}{'SCORE':>6}{'RAW':>7}{'PASS':>6}{'FAIL':>6}{'EXCEPTED':>10}{'MANUAL':>8}{'N/A':>6}"
    lines = Text()
    lines.append(f"  {head}\n", style="dim")
    for each in scan.scanners:
        found = each.counts
        figures = (
            f"{score(each.score):>6}{score(each.raw_score):>7}{found.passed:>6}{found.failed:>6}"
            f"{found.excepted:>10}{found.manual:>8}{found.not_applicable:>6}"
        )
        by = " ".join(filter(None, (text.one_line(each.version), text.one_line(each.profile))))
        lines.append(f"  {fitted(each.scanner, 11)}{figures}  {by}\n")
        for away in each.unavailable:
            lines.append("  ▲ ", style="yellow")
            where = f"{text.one_line(each.scanner)} did not run on {text.one_line(away.host)}"
            lines.append(f"{where}: {text.one_line(away.reason)}\n")
    if not scan.scanners:
        lines.append("  ▲ No scanner ran.\n", style="yellow")
    return lines


def chart(scans: Sequence[wire.ReportLine]) -> Text:
    """One bar per scan, the newest first, each with its figure and what changed since the one before."""
    lines = Text()
    for place, scan in enumerate(scans[:_MOST_SCORES]):
        before = next((one.score for one in scans[place + 1 :] if one.score is not None), None)
        filled = 0 if scan.score is None else round(_BAR * min(100.0, max(0.0, scan.score)) / 100)
        lines.append(f"  {at(scan)}  {fitted(scan.job_type, _NAME)}")
        lines.append(_FULL * filled, style="cyan")
        lines.append(_EMPTY * (_BAR - filled), style="dim")
        lines.append(f" {score(scan.score):>5}  {change(before, scan.score)}\n")
    return lines


def at(scan: wire.ReportLine) -> str:
    """When it was, by the operator's clock."""
    return f"{text.aware(scan.created_at).astimezone():%Y-%m-%d %H:%M}"


def change(before: float | None, after: float | None) -> str:
    """The difference of two scores, its sign said."""
    if before is None or after is None:
        return ""
    difference = round(after - before, 1)
    return "same" if difference == 0 else f"{difference:+.1f}"


def counted(found: wire.Counts) -> str:
    """Results by outcome on one line."""
    return (
        f"{found.failed} fail, {found.excepted} excepted, {found.manual} manual, "
        f"{found.not_applicable} n/a, {found.passed} pass"
    )


_BECAME = {
    "broken": ("✗", "bold red"),
    "fixed": ("●", "green"),
    "appeared": ("+", "cyan"),
    "gone": ("○", "dim"),
}


def became(line: wire.HardeningDiffLine) -> Text:
    """What happened to a result between two scans, by sign and word."""
    sign, style = _BECAME.get(line.kind, ("~", ""))
    return Text(f"{sign} {text.one_line(line.kind)}", style=style, no_wrap=True)


def detail(result: wire.HardeningResult) -> Text:
    """All of one result: why it is excepted, what the scanner saw, and how it is mended."""
    lines = Text()
    named = " · ".join(filter(None, (result.host, result.scanner, result.item or result.rule)))
    lines.append_text(Text.assemble(text.status(result.outcome), "  ", (text.one_line(named), "bold"), "\n"))
    lines.append(f"{text.one_line(result.title)}\n")
    parts = (
        ("rule", result.rule if result.item else ""),
        ("severity", result.severity),
        ("reason", f"{result.reason} (the {result.by}'s)" if result.reason and result.by else result.reason),
        ("evidence", result.evidence),
        ("remedy", result.remediation),
    )
    for label, said in parts:
        if said:
            first, *more = text.clean(said).strip().splitlines() or [""]
            lines.append(f"{label:<10}", style="dim")
            lines.append(f"{first}\n")
            for line in more:
                lines.append(f"{'':<10}{line}\n")
    return lines
