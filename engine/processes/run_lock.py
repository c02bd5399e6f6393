"""Proof of life of a supervisor: a lock on a file, which the kernel drops when its last holder is gone.

The worker takes the lock, hands the open file to the supervisor it starts, and closes its own. No number can
be reused, no clock can be wrong: a lock that is free means a supervisor that is dead.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import uuid
from pathlib import Path

from engine import content


def path_of(job_id: uuid.UUID) -> Path:
    """The lock file of a job's run."""
    return content.home() / "runs" / f"{job_id}.lock"


def take(job_id: uuid.UUID) -> int | None:
    """The lock as a file descriptor, or None when somebody holds it."""
    path = path_of(job_id)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        if _is_at(descriptor, path):
            return descriptor
        os.close(descriptor)  # its run ended, and removed the file, between our opening and locking it


def held(job_id: uuid.UUID) -> bool:
    """Whether the supervisor of a job lives (or its worker is just starting it)."""
    path = path_of(job_id)
    if not path.exists():
        return False
    descriptor = take(job_id)
    if descriptor is None:
        return True
    os.close(descriptor)
    return False


def forget(job_id: uuid.UUID) -> None:
    """Remove the file of a run that has ended."""
    path_of(job_id).unlink(missing_ok=True)


def all_known() -> list[uuid.UUID]:
    """Jobs that have a lock file here: their runs go on, or left something."""
    found = []
    for path in (content.home() / "runs").glob("*.lock"):
        with contextlib.suppress(ValueError):
            found.append(uuid.UUID(path.stem))
    return found


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
