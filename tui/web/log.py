"""Log lines of the browser terminal: JSON on stderr, without tokens, passwords or what is typed."""

from __future__ import annotations

import logging
import sys
from typing import Any

import msgspec
import structlog


def configure() -> None:
    """Everything that this program logs goes to stderr, a JSON object a line."""
    told: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=told,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(serializer=_encode),
            ],
        )
    )
    logger = logging.getLogger("keelyard.tui")
    logger.handlers[:] = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False


def _encode(line: Any, **_: Any) -> str:
    return msgspec.json.encode(line, enc_hook=repr).decode()
