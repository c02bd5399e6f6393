"""ansible-runner's events become ours: redacted, bounded, told in words an operator can act on."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from engine.domain.events import EventKind, RunEvent
from engine.domain.statuses import PhaseStatus
from engine.execution import redaction
from engine.execution.phase_tracker import Failure, PhaseTracker, Transition
from engine.execution.redaction import Redactor

HIDDEN = "The output is hidden because it may hold secrets (no_log)."
_TAIL_LINES = 12
_MESSAGE_LIMIT = 8000  # characters
_DROPPED_KEYS = frozenset({"ansible_facts", "invocation", "diff", "exception", "warnings", "deprecations"})
_RESULT_KINDS = {
    "runner_on_ok": EventKind.HOST_OK,
    "runner_on_skipped": EventKind.HOST_SKIPPED,
    "runner_on_failed": EventKind.HOST_FAILED,
    "runner_on_unreachable": EventKind.HOST_UNREACHABLE,
}
_TASK_STARTS = frozenset({"playbook_on_task_start", "playbook_on_handler_task_start"})
_SPOKEN = frozenset({"verbose", "warning", "error", "system_warning", "deprecated"})
_RULER = re.compile(r"\*{3,}\s*$")


class Translator:
    """Turns the events of one run into RunEvents and keeps the tracker informed. Not thread-safe: one
    caller.
    """

    def __init__(
        self, tracker: PhaseTracker, redactor: Redactor, unreachable_in_words: Callable[[str, str], str]
    ) -> None:
        self._tracker = tracker
        self._redactor = redactor
        self._unreachable_in_words = unreachable_in_words
        self.errors: list[str] = []  # what Ansible said on its way out, when no host failed

    def translate(self, raw: Mapping[str, Any]) -> list[RunEvent]:
        """The events, none or several, that one of runner's stands for."""
        kind = str(raw.get("event", ""))
        data = raw.get("event_data") or {}
        if kind in _RESULT_KINDS:
            return [self._result(_RESULT_KINDS[kind], data, raw)]
        if kind in _TASK_STARTS:
            # Ansible puts the role before the name here, and nowhere else.
            task = self._text(data.get("name")).removeprefix(f"{data.get('role')} : ")
            return [self._event(EventKind.TASK_STARTED, raw, task=task, role=self._role(data))]
        if kind == "playbook_on_play_start":
            return self.transitions(self._tracker.play_started(str(data.get("name", ""))), raw)
        if kind == "playbook_on_stats":
            events = self.transitions(self._tracker.stats(data), raw)
            return [
                *events,
                self._event(EventKind.RECAP, raw, data={"hosts": msgspec.to_builtins(self._tracker.recap())}),
            ]
        if kind == "runner_retry":
            return [self._retry(data, raw)]
        if kind in _SPOKEN:
            return self._spoken(kind, raw)
        return []

    def transitions(
        self, transitions: list[Transition], raw: Mapping[str, Any] | None = None
    ) -> list[RunEvent]:
        """Phase events for what the tracker saw."""
        events = []
        for change in transitions:
            started = change.status is PhaseStatus.RUNNING
            data = (
                {"name": change.phase.name}
                if started
                else {"name": change.phase.name, "status": change.status.value}
            )
            event = self._event(
                EventKind.PHASE_STARTED if started else EventKind.PHASE_FINISHED,
                raw or {},
                message=change.reason,
                data=data,
            )
            events.append(msgspec.structs.replace(event, phase=change.phase.slug))
        return events

    def message(self, text: str, **data: Any) -> RunEvent:
        """Something that Keelyard itself has to say."""
        return self._event(EventKind.MESSAGE, {}, message=self._text(text), data=data)

    def output(self, raw: Mapping[str, Any]) -> str:
        """The terminal output of an event, for the plain log."""
        return self._text(raw.get("stdout"))

    def _result(self, kind: EventKind, data: Mapping[str, Any], raw: Mapping[str, Any]) -> RunEvent:
        result = data.get("res")
        result = result if isinstance(result, Mapping) else {}
        host = str(data.get("host", ""))
        task = self._text(data.get("task"))
        # Of a no_log task runner keeps nothing; what it prints still says whether something changed.
        changed = bool(result.get("changed")) or str(raw.get("stdout") or "").startswith("changed: [")
        extra: dict[str, Any] = {}
        message = ""
        if kind is EventKind.HOST_OK:
            kind = EventKind.HOST_CHANGED if changed else kind
            self._tracker.result(host, "changed" if changed else "ok")
        elif kind is EventKind.HOST_SKIPPED:
            self._tracker.result(host, "skipped")
        elif data.get("ignore_errors"):
            kind, extra["ignored"] = EventKind.HOST_OK, True
            message = f"failed, and that is ignored: {self._in_words(host, kind, result)}"
            self._tracker.result(host, "ok")
        else:
            message = self._in_words(host, kind, result)
            self._tracker.failed(
                Failure(
                    host=host,
                    phase=self._tracker.current,
                    task=task,
                    message=message,
                    unreachable=kind is EventKind.HOST_UNREACHABLE,
                )
            )
        if kind is not EventKind.HOST_SKIPPED:
            extra["result"] = self._bounded(result)
        return self._event(
            kind,
            raw,
            task=task,
            role=self._role(data),
            host=host,
            message=message,
            duration_seconds=_seconds(data.get("duration")),
            data=extra,
        )

    def _in_words(self, host: str, kind: EventKind, result: Mapping[str, Any]) -> str:
        if "censored" in result or result.get("_ansible_no_log"):
            return HIDDEN
        text = explain(result)
        if kind is EventKind.HOST_UNREACHABLE:
            text = self._unreachable_in_words(host, text)
        return redaction.end_of(text, self._redactor, _MESSAGE_LIMIT)

    def _bounded(self, result: Mapping[str, Any]) -> dict[str, Any]:
        if "censored" in result or result.get("_ansible_no_log"):
            return {"censored": HIDDEN}
        kept = {k: v for k, v in result.items() if k not in _DROPPED_KEYS and not k.startswith("_ansible")}
        if not result:  # ansible-runner's way to leave out what is too big even for MAX_EVENT_RES
            return {"truncated": True, "left_out": ["everything"]}
        return redaction.bounded(kept, self._redactor)

    def _retry(self, data: Mapping[str, Any], raw: Mapping[str, Any]) -> RunEvent:
        result = data.get("res") or {}
        total, attempt = int(result.get("retries") or 0), int(result.get("attempts") or 0)
        message = f"not yet; {max(0, total - attempt)} more attempts"
        return self._event(
            EventKind.MESSAGE,
            raw,
            task=self._text(data.get("task")),
            host=str(data.get("host", "")),
            message=message,
        )

    def _spoken(self, kind: str, raw: Mapping[str, Any]) -> list[RunEvent]:
        text = self._text(raw.get("stdout")).strip()
        if not text or text == "Terminated" or _RULER.search(text):  # the shell says that after a cancel
            return []
        if kind == "error" or "ERROR" in text[:40]:
            self.errors.append(text)
        return [self._event(EventKind.MESSAGE, raw, message=redaction.tail(text, _MESSAGE_LIMIT))]

    def _event(self, kind: EventKind, raw: Mapping[str, Any], **fields: Any) -> RunEvent:
        phase = self._tracker.current
        return RunEvent(
            kind=kind,
            created_at=_moment(raw.get("created")),
            phase=phase.slug if phase is not None else None,
            **fields,
        )

    def _role(self, data: Mapping[str, Any]) -> str | None:
        return self._text(data["role"]) if data.get("role") else None

    def _text(self, value: Any) -> str:
        return self._redactor.text(str(value)) if value else ""


def explain(result: Mapping[str, Any]) -> str:
    """Why a task failed: its message, the failing items of a loop, and the end of what the command said."""
    items = result.get("results")
    if isinstance(items, list):
        failing = [item for item in items if isinstance(item, Mapping) and item.get("failed")]
        if failing:
            return "; ".join(_item_in_words(item) for item in failing[:3])
    parts = [_plain(result.get("msg")).strip()]
    for key in ("stderr", "module_stderr", "stdout", "module_stdout"):
        said = _last_lines(str(result.get(key) or ""))
        if said and said not in parts[0]:
            parts.append(said)
            break
    return "\n".join(part for part in parts if part) or "The task failed without saying why."


def _item_in_words(item: Mapping[str, Any]) -> str:
    if "censored" in item or item.get("_ansible_no_log"):
        return HIDDEN
    label = item.get("_ansible_item_label", item.get("item"))
    return f"{label}: {explain(item)}" if isinstance(label, str) else explain(item)


def _plain(message: Any) -> str:
    if isinstance(message, (list, tuple)):
        return "\n".join(str(part) for part in message)
    return str(message or "")


def _last_lines(text: str) -> str:
    return "\n".join(text.strip().splitlines()[-_TAIL_LINES:])


def _seconds(value: Any) -> float | None:
    return round(float(value), 3) if isinstance(value, (int, float)) else None


def _moment(value: Any) -> datetime:
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        except ValueError:
            pass
    return datetime.now(UTC)
