"""Takes secrets out of everything that leaves a run: events, logs, messages."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

import msgspec

REDACTED = "[redacted]"
RESULT_LIMIT = 64 * 1024  # bytes of JSON that one event's data may have
_TEXT_LIMIT = 16 * 1024  # characters of one string in a result that had to be cut
_SHORTEST = 3  # characters; redacting "e" would hide everything and protect nothing
_CHUNK = 24  # characters of a key's body that are searched for, wherever its lines were broken
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
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
        """One string without secrets, ANSI colours, NUL and other control characters, and always valid
        UTF-8.
        """
        text = text.encode("utf-8", "replace").decode("utf-8")
        text = _CONTROL.sub("", _ANSI.sub("", text))
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


def capped(result: dict[str, Any], limit: int = RESULT_LIMIT) -> dict[str, Any]:
    """A result that fits into `limit` bytes of JSON; what was cut says so."""
    if len(msgspec.json.encode(result)) <= limit:
        return result
    kept: dict[str, Any] = {"truncated": True}
    for key in ("msg", "rc", "changed", "failed", "stderr", "stdout"):
        value = result.get(key)
        if isinstance(value, str):
            kept[key] = tail(value, min(_TEXT_LIMIT, limit // 5))
        elif isinstance(value, (bool, int)):
            kept[key] = value
    return kept


def tail(text: str, characters: int) -> str:
    """The end of a text, marked when something is missing before it."""
    return text if len(text) <= characters else f"…{text[-characters:]}"


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
