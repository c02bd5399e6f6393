"""Words, signs and times as the terminal shows them: a state is a sign and a word before it is a colour."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from rich.text import Text

# status -> (sign, style); the word itself always stands beside the sign
_SIGNS: dict[str, tuple[str, str]] = {
    "running": ("●", "green"),
    "ready": ("●", "green"),
    "success": ("●", "green"),
    "succeeded": ("●", "green"),
    "True": ("●", "green"),
    "provisioning": ("◐", "cyan"),
    "draining": ("◐", "yellow"),
    "drained": ("▲", "yellow"),
    "lost": ("✗", "bold red"),
    "stopped": ("○", "dim"),
    "failed": ("✗", "bold red"),
    "ok": ("●", "green"),
    "changed": ("●", "yellow"),
    "False": ("✗", "bold red"),
    "started": ("●", "green"),
    "delivered": ("●", "green"),
    "enabled": ("●", "green"),
    "active": ("●", "green"),
    "missed": ("▲", "bold yellow"),
    "dead": ("✗", "bold red"),
    "disabled": ("○", "dim"),
    "cancelled": ("▲", "yellow"),
    "interrupted": ("▲", "yellow"),
    "pending": ("○", "dim"),
    "queued": ("○", "dim"),
    "skipped": ("○", "dim"),
    "deleted": ("○", "dim"),
    "removed": ("○", "dim"),
    "pass": ("●", "green"),
    "fail": ("✗", "bold red"),
    "excepted": ("○", "cyan"),
    "manual": ("▲", "yellow"),
    "not_applicable": ("○", "dim"),
    "on": ("●", "green"),
    "off": ("○", "dim"),
}
_WORKING = ("◐", "cyan")

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|.)?")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def clean(text: str) -> str:
    """Text from outside without escape sequences and control characters; newlines and tabs stay."""
    return _CONTROLS.sub("", _ESCAPES.sub("", text))


def one_line(text: str) -> str:
    """Text from outside on one line, clean."""
    return " ".join(clean(text).split())


def status(word: str, *, works: bool = False) -> Text:
    """A sign and the word. `works` is for jobs and phases, whose `running` means: under way."""
    sign, style = _SIGNS.get(word, ("?", ""))
    if works and word == "running":
        sign, style = _WORKING
    return Text(f"{sign} {one_line(word)}", style=style, no_wrap=True)


def plain(text: str | None) -> Text:
    """A cell of text from outside; never read as markup."""
    return Text(one_line(text or ""), no_wrap=True)


def now() -> datetime:
    """The current time, UTC."""
    return datetime.now(UTC)


def aware(moment: datetime) -> datetime:
    """The moment with its zone; the API means UTC where it says nothing."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def duration(seconds: float) -> str:
    """A span as an operator reads it: 8s, 1m52, 2h05m, 3d4h, 40d."""
    whole = max(0, int(seconds))
    minutes, rest = divmod(whole, 60)
    hours, minutes_left = divmod(minutes, 60)
    if whole < 60:
        return f"{whole}s"
    if minutes < 60:
        return f"{minutes}m{rest:02d}"
    if hours < 48:
        return f"{hours}h{minutes_left:02d}m"
    days = hours // 24
    return f"{days}d{hours % 24}h" if days < 10 else f"{days}d"


def ago(moment: datetime | None) -> str:
    """How long since the moment; empty for none."""
    if moment is None:
        return ""
    return f"{duration((now() - aware(moment)).total_seconds())} ago"


def ahead(moment: datetime | None) -> str:
    """How long until the moment; empty for none."""
    if moment is None:
        return ""
    seconds = (aware(moment) - now()).total_seconds()
    return f"in {duration(seconds)}" if seconds > 0 else "now"


def span(start: datetime | None, end: datetime | None) -> str:
    """How long something took, or has been taking; empty before it starts."""
    if start is None:
        return ""
    return duration(((aware(end) if end else now()) - aware(start)).total_seconds())


def clock(moment: datetime) -> str:
    """Local wall-clock time to the second."""
    return aware(moment).astimezone().strftime("%H:%M:%S")
