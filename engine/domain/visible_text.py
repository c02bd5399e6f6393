"""Text that can be stored and shown everywhere: what cannot be is made visible, never dropped silently.

PostgreSQL's text and jsonb hold no NUL; UTF-8 has no halves of surrogate pairs, which is how Python carries
bytes that were no UTF-8 (PEP 383).
"""

from __future__ import annotations

import re
from typing import Any

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_FIRST_PICTURE = 0x2400  # Unicode's pictures of control characters, in their order
_DELETE, _PICTURE_OF_DELETE = 0x7F, "\u2421"


def visible(text: str) -> str:
    """NUL as ␀ and other control characters alike, a byte that is no UTF-8 as \\xff, half a pair as \\ud83d.

    Tabs and line breaks stay.
    """
    if text.isascii() and text.isprintable():
        return text
    return _SURROGATE.sub(_escaped, _CONTROL.sub(_picture, text))


def visible_value(value: Any) -> Any:
    """Any JSON value with every string in it made visible."""
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, dict):
        return {visible_value(key): visible_value(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [visible_value(inner) for inner in value]
    return value


def without_controls(text: str) -> str:
    """The text without control characters, for whoever looks for something that they may break up."""
    return _CONTROL.sub("", text)


def _picture(found: re.Match[str]) -> str:
    code = ord(found.group())
    return _PICTURE_OF_DELETE if code == _DELETE else chr(_FIRST_PICTURE + code)


def _escaped(found: re.Match[str]) -> str:
    code = ord(found.group())
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else f"\\u{code:04x}"
