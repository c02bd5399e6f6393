"""Logs of the API process: JSON lines on stderr, words for people on a terminal; never a body."""

from __future__ import annotations

import logging
import sys
from typing import Any

import msgspec
import structlog


def configure() -> None:
    """Set structlog up for this process."""
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if sys.stderr.isatty()
        else structlog.processors.JSONRenderer(serializer=_encode)
    )
    tracebacks: list[structlog.typing.Processor] = (
        [] if sys.stderr.isatty() else [structlog.processors.format_exc_info]
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *tracebacks,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def _encode(line: Any, **_: Any) -> str:
    return msgspec.json.encode(line, enc_hook=repr).decode()
