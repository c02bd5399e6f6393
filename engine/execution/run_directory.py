"""The 0700 directory of one run: on tmpfs where there is one, removed at the end by whoever made it.

DIR/inventory/hosts.yml   DIR/variables.yml   DIR/secrets.yml (0600, password logins only, removed first)
DIR/project/              snapshot of playbooks and roles, so that an upgrade in mid-run does not matter
DIR/output/               results the plays leave: kubeconfig, nodes/, preflight.json
DIR/leash.py DIR/pulse    what ends the run when its owner falls silent, and where the owner speaks to it
DIR/sweep/                access to the nodes while the rest of an earlier run is ended there
DIR/env DIR/artifacts     ansible-runner's; DIR/cp ssh control sockets; DIR/agent ssh-agent's socket; DIR/tmp
"""

from __future__ import annotations

import os
import re
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from engine import content
from engine.domain.errors import MisconfiguredServer

_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - every directory below it is ours alone, checked before use
_SAFE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def root() -> Path:
    """Where run directories live: tmpfs of this user, else KEELYARD_HOME/runs."""
    if os.access(_SHARED_MEMORY, os.W_OK):
        return _SHARED_MEMORY / f"keelyard-{os.geteuid()}" / "runs"
    return content.home() / "runs"


def path_of(run_id: str) -> Path:
    """The directory that a run has, had or will have."""
    if not _SAFE_ID.fullmatch(run_id):
        raise ValueError(f"{run_id!r} cannot name a run directory")
    return root() / run_id


def make(run_id: str) -> Path:
    """Make the directory of a run, with its `output` directory. An abandoned one of the same id is removed
    first.

    Raises MisconfiguredServer when someone else owns the place.
    """
    directory = path_of(run_id)
    if root().is_relative_to(_SHARED_MEMORY):
        _private(root().parent)
    _private(root())
    remove(directory)
    directory.mkdir(mode=0o700)
    output(directory).mkdir(mode=0o700)
    return directory


def output(directory: Path) -> Path:
    """Where the plays of a run leave their results."""
    return directory / "output"


def remove(directory: Path) -> None:
    """Remove a run directory and everything in it; fine when it is gone already."""
    shutil.rmtree(directory, ignore_errors=True)
    if directory.exists():  # something was written while it was removed
        shutil.rmtree(directory)


def sweeping(directory: Path) -> Path:
    """A new private directory below a run's own, for reaching nodes outside Ansible."""
    below = directory / "sweep"
    below.mkdir(mode=0o700)
    return below


@contextmanager
def kept(run_id: str) -> Iterator[Path]:
    """A run directory for the length of a block."""
    directory = make(run_id)
    try:
        yield directory
    finally:
        remove(directory)


def write_private(path: Path, text: str) -> None:
    """Write a file that nobody else may read, from its first byte on."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def _private(directory: Path) -> None:
    """Make or check a directory in a place where others can write: it must be ours, real, and closed to
    them.
    """
    with suppress(FileExistsError):
        directory.mkdir(parents=True, mode=0o700)
    status = directory.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
        raise MisconfiguredServer(
            f"{directory} belongs to someone else.",
            remedy="Remove it, or look who made it; no run starts there.",
        )
    if stat.S_IMODE(status.st_mode) & 0o077:
        directory.chmod(0o700)
