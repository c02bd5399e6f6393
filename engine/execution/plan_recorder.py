"""Makes a plan out of the events of a run in check mode: what each task would change, and how sure that is.

A module that supports check mode is believed (`exact`). A result with the member `declared` is the role's
word for something that cannot be tried yet. A task that was left out because of check mode is `unknown`: it
is never passed over in silence.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from engine.domain.plans import FACTS, Certainty, Diff, Finding, HostPlan, Item
from engine.execution.plan import Phase
from engine.execution.redaction import REDACTED, Redactor

SIDE_LIMIT = 16 * 1024  # characters of one side of one diff
ITEM_LIMIT = 64 * 1024  # characters of all diffs of one item
_WHAT_LIMIT = 600
_HIDDEN = "something that is hidden because it may hold secrets (no_log)"
_CONTEXT = 3  # lines kept around the part that differs, when a side is too long
_LOCAL = frozenset({"localhost", "127.0.0.1"})
#: In files that were changed by others a secret may stand anywhere; what is named like one is taken for one.
_NAMED_SECRET = re.compile(
    r"""((?:password|passwd|secret|token|passphrase|private[_-]?key|api[_-]?key|client-key-data|certificate-key)"""
    r"""[\w-]*(?:\\?["'])?[ \t]*[:=][ \t]*)(?![ \t]*$)[^\n]+""",
    re.IGNORECASE | re.MULTILINE,
)
_URL_PASSWORD = re.compile(r"(://[^/\s:@]+:)[^/\s@]+(?=@)")


class PlanRecorder:
    """Collects the plan of one run. Not thread-safe: one caller."""

    def __init__(self, redactor: Redactor, hosts: Iterable[str]) -> None:
        self._redactor = redactor
        self._items: dict[str, list[Item]] = {host: [] for host in hosts}
        self._findings: dict[str, list[Finding]] = {}
        self._facts: dict[str, dict[str, Any]] = {}

    def observe(self, raw: Mapping[str, Any], phase: Phase | None) -> None:
        """Take in one of runner's events, of the phase that is on."""
        data = raw.get("event_data") or {}
        kind, host = str(raw.get("event", "")), str(data.get("host", ""))
        result = data.get("res")
        if (
            kind not in ("runner_on_ok", "runner_on_skipped")
            or host in _LOCAL
            or not isinstance(result, Mapping)
        ):
            return
        if kind == "runner_on_ok" and data.get("task_action") == "node_facts":
            self._keep_facts(host, result)
        for finding in result.get("findings") or ():
            self._findings.setdefault(host, []).append(
                Finding(
                    subject=self._text(finding.get("subject")), problem=self._text(finding.get("problem"))
                )
            )
        item = self._item(data, result, raw, phase)
        if item is not None:
            self._items.setdefault(host, []).append(item)

    def plan(self) -> dict[str, HostPlan]:
        """Host → what would change there."""
        return {
            host: HostPlan(
                items=tuple(items),
                findings=tuple(self._findings.get(host, ())),
                facts=self._facts.get(host, {}),
            )
            for host, items in sorted(self._items.items())
        }

    def _keep_facts(self, host: str, result: Mapping[str, Any]) -> None:
        if host not in self._facts and "machine_id" in result:
            self._facts[host] = self._redactor.value({name: result.get(name) for name in FACTS})

    def _item(
        self, data: Mapping[str, Any], result: Mapping[str, Any], raw: Mapping[str, Any], phase: Phase | None
    ) -> Item | None:
        told = [part for part in _parts(result) if _changes(part)]
        if _is_hidden(result):
            if not str(raw.get("stdout") or "").startswith("changed: ["):
                return None
            told = [result]
        if not told:
            return None
        return Item(
            phase=phase.slug if phase is not None else "",
            task=self._text(data.get("task")),
            role=self._text(data.get("role")),
            what=self._what(told),
            certainty=_certainty(told),
            diffs=() if _is_hidden(result) else self._diffs(told),
        )

    def _what(self, told: list[Mapping[str, Any]]) -> str:
        words = [word for part in told for word in _words(part)]
        text = self._text("; ".join(dict.fromkeys(words)))
        return text if len(text) <= _WHAT_LIMIT else f"{text[:_WHAT_LIMIT]}…"

    def _diffs(self, told: list[Mapping[str, Any]]) -> tuple[Diff, ...]:
        diffs, left = [], ITEM_LIMIT
        for raw in (diff for part in told for diff in _raw_diffs(part)):
            diff = self._diff(raw)
            size = len(diff.before) + len(diff.after)
            if size > left:
                diff = Diff(title=diff.title, note=f"left out, the item's diffs are too long; {_seal(diff)}")
            left -= min(size, left)
            if diff.before or diff.after or diff.note:
                diffs.append(diff)
        return tuple(diffs)

    def _diff(self, raw: Mapping[str, Any]) -> Diff:
        title = self._text(raw.get("after_header") or raw.get("before_header"))
        if raw.get("prepared"):
            return _bounded(Diff(title=title, after=self._clean(raw["prepared"])))
        before, after = self._clean(raw.get("before")), self._clean(raw.get("after"))
        if before == after and raw.get("before") != raw.get("after"):
            return Diff(title=title, note="differs only in what is redacted")
        return _bounded(Diff(title=title, before=before, after=after))

    def _clean(self, value: Any) -> str:
        text = (
            value
            if isinstance(value, str)
            else ""
            if value is None
            else json.dumps(value, indent=1, sort_keys=True)
        )
        text = self._redactor.text(text)
        text = _NAMED_SECRET.sub(rf"\g<1>{REDACTED}", text)
        return _URL_PASSWORD.sub(rf"\g<1>{REDACTED}", text)

    def _text(self, value: Any) -> str:
        return self._redactor.text(str(value)) if value else ""


def _parts(result: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The results that a task's result is made of: one, or those of its loop."""
    inner = result.get("results")
    if isinstance(inner, list) and inner and all(isinstance(part, Mapping) for part in inner):
        return inner
    return [result]


def _is_hidden(result: Mapping[str, Any]) -> bool:
    return "censored" in result or bool(result.get("_ansible_no_log"))


def _was_left_out(result: Mapping[str, Any]) -> bool:
    """Whether a task was skipped because of check mode, not by its condition."""
    if not result.get("skipped"):
        return False
    return "check mode" in f"{result.get('msg', '')} {result.get('skip_reason', '')}".lower()


def _changes(result: Mapping[str, Any]) -> bool:
    return _was_left_out(result) or (bool(result.get("changed")) and not result.get("skipped"))


def _certainty(told: list[Mapping[str, Any]]) -> Certainty:
    """Of several parts the least certain one counts."""
    if any(_was_left_out(part) or _is_hidden(part) for part in told):
        return Certainty.UNKNOWN
    return Certainty.DECLARED if any(part.get("declared") for part in told) else Certainty.EXACT


def _words(result: Mapping[str, Any]) -> Iterator[str]:
    if _is_hidden(result):
        yield _HIDDEN
    elif _was_left_out(result):
        yield f"cannot be told without doing it ({result.get('msg') or result.get('skip_reason')})"
    elif result.get("declared"):
        yield str(result["declared"])
    elif isinstance(result.get("reasons"), list):
        yield from (str(reason) for reason in result["reasons"])
    else:
        titles = [str(diff.get("after_header") or "") for diff in _raw_diffs(result)]
        named = [title for title in titles if title]
        yield from named or [str(result.get("_ansible_item_label") or result.get("msg") or "changes")]


def _raw_diffs(result: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = result.get("diff")
    return [diff for diff in (found if isinstance(found, list) else [found]) if isinstance(diff, Mapping)]


def _bounded(diff: Diff) -> Diff:
    """A diff of which no side is too long: what both sides share goes first, then the rest."""
    if max(len(diff.before), len(diff.after)) <= SIDE_LIMIT:
        return diff
    before, after = _without_shared_ends(diff.before.splitlines(), diff.after.splitlines())
    note = f"shortened: {len(diff.before)} characters before, {len(diff.after)} after; {_seal(diff)}"
    return msgspec.structs.replace(diff, before=before[:SIDE_LIMIT], after=after[:SIDE_LIMIT], note=note)


def _without_shared_ends(before: list[str], after: list[str]) -> tuple[str, str]:
    shorter = min(len(before), len(after))
    head = next((at for at in range(shorter) if before[at] != after[at]), shorter)
    tail = next((at for at in range(shorter - head) if before[-1 - at] != after[-1 - at]), shorter - head)
    first, behind = max(0, head - _CONTEXT), max(0, tail - _CONTEXT)
    parts = (lines[first : len(lines) - behind] for lines in (before, after))
    left, right = ("\n".join(part) for part in parts)
    return left, right


def _seal(diff: Diff) -> str:
    """Stands for what is not shown, so that two plans that differ only there are told apart."""
    return "sha256 " + hashlib.sha256(f"{diff.before}\0{diff.after}".encode()).hexdigest()[:16]
