"""Takes secrets out of everything that leaves a run: events, logs, messages."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import msgspec

from engine.domain.visible_text import visible, without_controls

REDACTED = "[redacted]"
RESULT_LIMIT = 64 * 1024  # bytes of JSON that one event's data may have
_TEXT_LIMIT = 16 * 1024  # characters of one string in a result that had to be cut
_LOOKED_AT = 4 * RESULT_LIMIT  # characters of a huge text that are searched for secrets
_TOLD = ("msg", "rc", "changed", "failed", "stderr", "stdout")  # of a result that had to be cut
_SHORTEST = 3  # characters; redacting "e" would hide everything and protect nothing
_CHUNK = 24  # characters of a key's body that are searched for, wherever its lines were broken
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_PATTERNS = (
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL),
    re.compile(r"(?<=client-key-data: )\S+"),
    re.compile(r"(?<=--token )\S+"),
    re.compile(r"(?<=--certificate-key )\S+"),
    re.compile(r"\b[a-z0-9]{6}\.[a-z0-9]{16}\b"),  # kubeadm's bootstrap tokens
)


class Redactor:
    """Knows the secret values of one run, as they are and in the forms in which they travel."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets for form in _forms(secret)}
        self._forms = sorted((form for form in forms if len(form) >= _SHORTEST), key=len, reverse=True)

    def text(self, text: str) -> str:
        """One string without secrets and ANSI colours; control characters and bytes that are no UTF-8 are
        made visible.
        """
        text = _ANSI.sub("", text)
        shown = visible(text)
        if shown != text:
            # A secret that control characters break up (UTF-16 has a NUL in each) must not get through.
            joined = without_controls(text)
            if (hidden := self._hidden(joined)) != joined:
                return visible(hidden)
        return self._hidden(shown)

    def _hidden(self, text: str) -> str:
        for form in self._forms:
            if form in text:
                text = text.replace(form, REDACTED)
        for pattern in _PATTERNS:
            text = pattern.sub(REDACTED, text)
        return text

    def value(self, value: Any) -> Any:
        """Any JSON value with every string in it redacted."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(key)): self.value(inner) for key, inner in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.value(inner) for inner in value]
        if value is None or isinstance(value, (bool, int, float)):
            return value
        return self.text(str(value))


def bounded(result: Mapping[str, Any], redactor: Redactor, limit: int = RESULT_LIMIT) -> dict[str, Any]:
    """A task's result without secrets, within `limit` bytes of JSON; what was cut says so.

    Of a huge one only the end is looked at, so that megabytes of output do not hold the run up. Much more of
    it is looked at than is kept, so no secret is cut in two and shown in part.
    """
    if len(repr(result)) <= _LOOKED_AT:
        return capped(redactor.value(result), limit)
    told = {key: result[key] for key in _TOLD if isinstance(result.get(key), (str, bool, int))}
    missing = {key: len(value) - _LOOKED_AT for key, value in told.items() if isinstance(value, str)}
    shortened = {key: value[-_LOOKED_AT:] if isinstance(value, str) else value for key, value in told.items()}
    return capped(
        redactor.value(shortened),
        limit,
        missing=missing,
        left_out=sorted(map(str, result.keys() - told.keys())),
    )


def capped(
    result: dict[str, Any],
    limit: int = RESULT_LIMIT,
    *,
    missing: Mapping[str, int] | None = None,
    left_out: Sequence[str] = (),
) -> dict[str, Any]:
    """A result that fits into `limit` bytes of JSON.

    Args:
        missing: characters that each text has lost already.
        left_out: members that are not there any more.
    """
    if not left_out and not missing and len(msgspec.json.encode(result)) <= limit:
        return result
    kept: dict[str, Any] = {"truncated": True}
    for key in _TOLD:
        value = result.get(key)
        if isinstance(value, str):
            kept[key] = tail(value, min(_TEXT_LIMIT, limit // 5), missing=(missing or {}).get(key, 0))
        elif isinstance(value, (bool, int)):
            kept[key] = value
    if gone := sorted({*left_out, *(result.keys() - kept.keys())}):
        kept["left_out"] = gone
    return kept


def tail(text: str, characters: int, *, missing: int = 0) -> str:
    """The end of a text; what is missing before it, with what was missing before, is counted in front."""
    missing = max(0, missing) + max(0, len(text) - characters)
    return f"[… {missing:,} characters left out]\n{text[-characters:]}" if missing else text


def end_of(text: str, redactor: Redactor, characters: int) -> str:
    """The end of a text without secrets; of a huge one only the end is looked at."""
    return tail(redactor.text(text[-_LOOKED_AT:]), characters, missing=len(text) - _LOOKED_AT)


def _forms(secret: str) -> Iterable[str]:
    stripped = secret.strip()
    if not stripped:
        return
    for plain in {secret, stripped}:
        yield plain
        yield quote(plain, safe="")
        yield msgspec.json.encode(plain).decode()[1:-1]
        for variant in {plain, f"{plain}\n"}:
            yield base64.b64encode(variant.encode()).decode().rstrip("=")
    lines = [line.strip() for line in stripped.splitlines() if line.strip() and not line.startswith("-----")]
    if len(lines) > 1:
        body = "".join(lines)
        yield from lines
        yield from (body[at : at + _CHUNK] for at in range(0, len(body) - _CHUNK + 1, _CHUNK))
        encoded = base64.b64encode(stripped.encode()).decode().rstrip("=")
        yield from (encoded[at : at + _CHUNK] for at in range(0, len(encoded) - _CHUNK + 1, _CHUNK))
