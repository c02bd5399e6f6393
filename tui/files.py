"""Saving what the operator exports: the file is its owner's alone, and replaces another only when told to."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path


def save(content: str, path: str, *, replace: bool = False) -> Path:
    """Writes a file, mode 0600, and returns where.

    Raises OSError; FileExistsError when there is one and `replace` is not said.
    """
    target = Path(path).expanduser().absolute()
    if not replace:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(content)
        return target
    if target.is_dir():
        raise IsADirectoryError(21, os.strerror(21), str(target))
    descriptor, beside = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")  # mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(content)
        Path(beside).replace(target)
    except OSError:
        Path(beside).unlink(missing_ok=True)
        raise
    return target


async def save_stream(pieces: AsyncIterator[bytes], path: str) -> tuple[Path, int]:
    """Writes a new file, mode 0600, as its pieces come; returns where, and its size.

    Half a file is left by nothing: what the pieces or the disk raise takes it away again. Raises OSError.
    """
    target, descriptor = _new(path)
    size = 0
    try:
        with os.fdopen(descriptor, "wb") as file:
            async for piece in pieces:
                size += await asyncio.to_thread(file.write, piece)
    except BaseException:
        await asyncio.to_thread(target.unlink, missing_ok=True)
        raise
    return target, size


def _new(path: str) -> tuple[Path, int]:
    target = Path(path).expanduser().absolute()
    return target, os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
