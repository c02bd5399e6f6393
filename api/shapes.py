"""An error as bytes, in the words of the contract that a request belongs to."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import msgspec

from api.schemas.common import FieldError

_SLASHES = re.compile(r"/+")


class Rendered(msgspec.Struct, frozen=True, kw_only=True):
    """What is sent. The status may be another one than the native contract's: validation is 400 elsewhere."""

    status: int
    body: bytes
    media_type: str


#: Of status, detail, correlation id, and the wrong fields, if any.
Renderer = Callable[[int, str, str, Sequence[FieldError] | None], Rendered]


def below(path: str, base: str) -> bool:
    """Whether a path belongs to the contract with this base, however many slashes it is written with."""
    plain = _SLASHES.sub("/", path)
    return plain == base or plain.startswith(f"{base}/")
