"""What a client of an outside system raises."""

from __future__ import annotations

from engine.domain.errors import KeelyardError


class NotDelivered(KeelyardError):
    """A notice was not taken. The message may be shown: it repeats neither an address nor a secret."""

    def __init__(self, message: str, *, status_code: int | None = None) -> None:
        super().__init__(message)
        self.status_code = status_code
