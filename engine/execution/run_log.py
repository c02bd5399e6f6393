"""The plain log of a run: what Ansible printed. A disk that cannot take it costs the log, never the run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Self

import structlog

_LOG = structlog.get_logger(__name__)


class RunLog:
    """A file that nobody else may read, written line by line; used as a context."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
            self._descriptor = os.open(path, flags, 0o600)
        except OSError as error:
            self._give_up(error)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def write(self, text: str) -> None:
        """Append text; the events hold what a full disk leaves out here."""
        if self._descriptor is None:
            return
        left = text.encode("utf-8", "backslashreplace")
        try:
            while left:
                left = left[os.write(self._descriptor, left) :]
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        _LOG.warning("The log of a run ends here.", path=str(self._path), error=str(error))
        self.__exit__()
