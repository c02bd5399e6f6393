"""What is kept about a lab: `lab.json` in its own directory under the product's home."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from engine import content
from engine.domain import errors

#: Operating systems that a node can run.
SYSTEMS = ("debian12", "debian13")

_NAME = re.compile(r"[a-z]([a-z0-9-]{0,28}[a-z0-9])?")


class LabNode(msgspec.Struct, kw_only=True):
    """One node of a lab."""

    name: str
    address: str
    pid: int | None = None  # its supervising process when `lab up` ended


class Lab(msgspec.Struct, kw_only=True):
    """One lab and how to reach its nodes."""

    name: str
    system: str
    subnet: str
    bridge: str  # the machine's own interface to the lab
    user: str
    private_key: str  # path
    known_hosts: str  # path
    nodes: list[LabNode]


def root() -> Path:
    """Directory of all labs."""
    return content.home() / "lab"


def directory(name: str) -> Path:
    """Directory of one lab."""
    return root() / name


def check_name(name: str) -> None:
    """Refuses names that cannot be host names and control groups.

    Raises:
        InvalidSpec: names the field `name`.
    """
    if not _NAME.fullmatch(name):
        message = (
            f"{name!r} must be 1 to 30 of a-z, 0-9 and '-', beginning with a letter, not ending with '-'"
        )
        raise errors.InvalidSpec([errors.FieldProblem("name", message)])


def find(name: str) -> Lab | None:
    """The lab of that name, or None where there is none."""
    check_name(name)
    try:
        recorded = (directory(name) / "lab.json").read_bytes()
    except FileNotFoundError:
        return None
    return msgspec.json.decode(recorded, type=Lab)


def load(name: str) -> Lab:
    """The lab of that name.

    Raises:
        NotFound: if there is none.
    """
    if lab := find(name):
        return lab
    raise errors.NotFound(
        f"There is no lab {name!r} in {root()}.", remedy=f"Start it with `keelyard lab up --name {name}`."
    )


def load_all() -> list[Lab]:
    """Every lab, by name."""
    found = (find(path.parent.name) for path in sorted(root().glob("*/lab.json")))
    return [lab for lab in found if lab is not None]


def save(lab: Lab) -> None:
    """Writes the record whole or not at all; only its owner may read it."""
    target = directory(lab.name) / "lab.json"
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = target.with_suffix(".new")
    draft.write_bytes(msgspec.json.format(msgspec.json.encode(lab), indent=2) + b"\n")
    draft.chmod(0o600)
    draft.replace(target)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds the directory for this process; others wait. The directory itself is locked: no file is left.

    Makes it if needed, and removes it at the end if it is empty.
    """
    handle = _hold(path)
    try:
        yield
    finally:
        with contextlib.suppress(
            OSError
        ):  # only what nothing was written to goes, and only if it is still ours
            if path.stat().st_ino == os.fstat(handle).st_ino:
                path.rmdir()
        os.close(handle)


def _hold(path: Path) -> int:
    """Makes, opens and locks the directory; begins again whenever another process removed it meanwhile."""
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            # Not Path.mkdir(exist_ok=True): that refuses a directory that goes while it looks at it.
            with contextlib.suppress(FileExistsError):
                path.mkdir(mode=0o700)
            handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            # A lock on a directory that its last holder removed guards nothing.
            if path.stat().st_ino == os.fstat(handle).st_ino:
                return handle
        except FileNotFoundError:
            pass
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)
