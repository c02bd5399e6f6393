"""`--log FILE`: what went wrong, with tracebacks, without local variables and without secrets."""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path

_HIDDEN = "(not shown)"
_SECRETS = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
    r"|\beyJ[\w-]+\.[\w-]+\.[\w-]*"  # a JSON web token
    r"|(?<=Bearer )\S+"
    r"|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)",
    re.DOTALL,
)
_NAMED = re.compile(
    r"""(?P<name>["']?\w*(?:password|passphrase|secret|token|private_key)["']?\s*[:=]\s*)"""
    r"""(?P<value>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s,;&)}]+)""",
    re.IGNORECASE,
)


class _Formatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """The record, what looks like a secret replaced."""
        return scrubbed(super().format(record))


def scrubbed(line: str) -> str:
    """The text without what looks like a secret."""
    return _NAMED.sub(lambda found: found["name"] + _HIDDEN, _SECRETS.sub(_HIDDEN, line))


def handler(path: Path) -> logging.Handler:
    """Writes to the end of a file that is its owner's alone when it is new. Raises OSError."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
    writing = logging.FileHandler(path, encoding="utf-8")
    writing.setFormatter(_Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    return writing
