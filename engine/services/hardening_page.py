"""A hardening report as one page that needs nothing else: to read, to print, to send to somebody.

Everything in it comes from nodes and from what people wrote, so everything is escaped, and the page's own
policy lets it load and run nothing.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path

import jinja2
import msgspec
from markupsafe import Markup

from engine.domain.hardening import Outcome
from engine.domain.hardening_report import Result
from engine.store.hardening_records import HardeningReport

EVIDENCE_OF = 5  # hosts; on most the evidence is the same
HOSTS_NAMED = 20

_HERE = Path(__file__).parent
_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(_HERE), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
)
_STYLE = (_HERE / "hardening_page.css").read_text(encoding="utf-8")
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
#: For the header of an answer, and in the page itself for when it lies in a folder.
POLICY = f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'"

_SECTIONS = (
    ("Failed", Outcome.FAIL, True),
    ("Excepted", Outcome.EXCEPTED, False),
    ("Left to a person", Outcome.MANUAL, True),
    ("Passed", Outcome.PASS, False),
    ("Not applicable", Outcome.NOT_APPLICABLE, False),
)


class _Group(msgspec.Struct, frozen=True, kw_only=True):
    """A rule with the hosts where it came out the same."""

    first: Result
    shown: list[Result]
    hosts: str


class _Section(msgspec.Struct, frozen=True, kw_only=True):
    title: str
    in_full: bool
    groups: list[_Group]


def render(report: HardeningReport, cluster: str, results: Sequence[Result]) -> bytes:
    """The page of a cluster's report with all its results."""
    page = _TEMPLATES.get_template("hardening_page.html")
    return page.render(
        policy=POLICY,
        style=Markup(_STYLE),  # noqa: S704 - our own file
        cluster=cluster,
        report=report,
        percent=_percent,
        sections=[
            _Section(title=title, in_full=in_full, groups=_grouped(results, outcome))
            for title, outcome, in_full in _SECTIONS
        ],
    ).encode("utf-8", "replace")


def _grouped(results: Sequence[Result], outcome: Outcome) -> list[_Group]:
    found: dict[tuple[str, str, str, str], list[Result]] = {}
    for result in results:
        if result.outcome is outcome:
            key = (result.scanner.value, result.rule, result.title, result.reason)
            found.setdefault(key, []).append(result)
    return [
        _Group(first=same[0], shown=same[:EVIDENCE_OF], hosts=_hosts([each.host for each in same]))
        for same in found.values()
    ]


def _hosts(names: Sequence[str]) -> str:
    rest = len(names) - HOSTS_NAMED
    return ", ".join(names[:HOSTS_NAMED]) + (f" and {rest} more" if rest > 0 else "")


def _percent(score: float | None) -> str:
    return "–" if score is None else f"{score:g} %"
