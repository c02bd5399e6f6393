"""A thing in words, field by field: times as age and as date, yes and no, nothing left out."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import msgspec

from tui import document, text

_STATES = frozenset({"status", "state", "outcome"})
_SHORT_WORDS = {"id": "id", "ip": "IP", "ssh": "SSH", "os": "OS", "cni": "CNI", "url": "URL", "ha": "HA"}


def described(thing: object) -> str:
    """The thing as lines of `label  value`; what it contains is indented below its label."""
    told = msgspec.to_builtins(thing, builtin_types=(datetime,), str_keys=True)
    shown = document.plain(thing)
    return "\n".join(_lines(shown, told, ""))


def _lines(shown: Any, told: Any, indent: str) -> list[str]:
    """`shown` has no secrets any more; `told` still has its times as times."""
    if not isinstance(shown, dict):
        return _item_lines(shown, told, indent) if isinstance(shown, list) else [indent + _value("", told)]
    labels = {member: _label(member) for member in shown}
    width = max((len(label) for label in labels.values()), default=0)
    lines = []
    for member, value in shown.items():
        if isinstance(value, dict | list) and value and not _is_short(value):
            lines.append(f"{indent}{labels[member]}")
            lines += _lines(value, told[member], indent + "  ")
        else:
            moment = told[member] if isinstance(told[member], datetime) else value
            first, *more = _value(member, moment).splitlines() or [""]
            lines.append(f"{indent}{labels[member]:<{width}}  {first}".rstrip())
            lines += [f"{indent}{'':<{width}}  {line}" for line in more]
    return lines


def _item_lines(shown: list[Any], told: list[Any], indent: str) -> list[str]:
    lines = []
    for value, original in zip(shown, told, strict=True):
        inner = _lines(value, original, indent + "  ")
        lines += [f"{indent}- {inner[0].lstrip()}", *inner[1:]] if inner else []
    return lines


def _is_short(value: dict[str, Any] | list[Any]) -> bool:
    return isinstance(value, list) and all(isinstance(item, str | int | float) for item in value)


def _label(member: str) -> str:
    words = [_SHORT_WORDS.get(word, word) for word in member.removesuffix("_at").split("_")]
    label = text.one_line(" ".join(words))
    return label[:1].upper() + label[1:]


def _value(member: str, value: Any) -> str:
    if isinstance(value, datetime):
        return moment(value)
    if value is None or value in ("", [], {}):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(text.one_line(str(item)) for item in value)
    if isinstance(value, float):
        return f"{value:g}"
    said = text.clean(str(value))
    if member in _STATES and re.fullmatch(r"[\w-]+", said):
        return text.status(said).plain
    return said


def moment(at: datetime) -> str:
    """A time as one thinks of it and as one writes it down: `4m10 ago (2026-11-22 02:31:07 UTC)`."""
    ahead = text.aware(at) > text.now()
    near = text.ahead(at) if ahead else text.ago(at)
    return f"{near} ({text.aware(at).astimezone():%Y-%m-%d %H:%M:%S %Z})"
