"""What is missing on this machine, and the command that mends it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from engine import content

MINIMUM_FREE_GIB = 10


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing looked at. `area` is what needs it: server, runs, lab, bundle."""

    area: str
    subject: str
    ok: bool
    required: bool
    detail: str
    remedy: str = ""


def examine() -> list[Finding]:
    """Everything that is looked at, in the order it is shown."""
    sections: tuple[Callable[[], Iterator[Finding]], ...] = (_server, _runs, _lab, _bundle)
    return [finding for section in sections for finding in section()]


def _program(area: str, name: str, package: str, *, required: bool) -> Finding:
    beside_python = Path(sys.executable).parent / name
    found = shutil.which(name) or (str(beside_python) if beside_python.exists() else None)
    return Finding(
        area=area,
        subject=name,
        ok=found is not None,
        required=required,
        detail=found or "not found",
        remedy="" if found else f"apt-get install -y {package}",
    )


def _server() -> Iterator[Finding]:
    version = ".".join(str(part) for part in sys.version_info[:3])
    yield Finding(
        area="server",
        subject="Python",
        ok=sys.version_info >= (3, 12),
        required=True,
        detail=version,
        remedy="uv python install 3.13",
    )
    home = content.home()
    existing = next(parent for parent in (home, *home.parents) if parent.exists())
    writable = os.access(existing, os.W_OK)
    yield Finding(
        area="server",
        subject="KEELYARD_HOME",
        ok=writable,
        required=True,
        detail=str(home),
        remedy="" if writable else f"set KEELYARD_HOME to a directory you may write, {existing} is not",
    )
    free = shutil.disk_usage(existing).free / 2**30
    yield Finding(
        area="server",
        subject="disk space",
        ok=free >= MINIMUM_FREE_GIB,
        required=False,
        detail=f"{free:.0f} GiB free on {existing}",
        remedy=f"free at least {MINIMUM_FREE_GIB} GiB for lab images and bundles",
    )
    where = (
        "DATABASE_URL"
        if os.environ.get("DATABASE_URL") or os.environ.get("DATABASE_URL_FILE")
        else "embedded PostgreSQL"
    )
    yield Finding(area="server", subject="database", ok=True, required=True, detail=where)


def _runs() -> Iterator[Finding]:
    for name in ("ssh", "ssh-agent", "ssh-add", "ssh-keyscan"):
        yield _program("runs", name, "openssh-client", required=True)
    for name in ("setpriv", "unshare"):
        yield _program("runs", name, "util-linux", required=True)
    yield _program("runs", "ansible-playbook", "python3-venv && make setup", required=True)
    memory = Path("/dev/shm")  # noqa: S108 - the system's own tmpfs, only looked at
    yield Finding(
        area="runs",
        subject="memory file system",
        ok=memory.is_dir() and os.access(memory, os.W_OK),
        required=False,
        detail=str(memory),
        remedy="mount a tmpfs on /dev/shm; without it run directories lie on disk",
    )


def _lab() -> Iterator[Finding]:
    root = os.geteuid() == 0
    yield Finding(
        area="lab",
        subject="root",
        ok=root,
        required=False,
        detail="yes" if root else "no",
        remedy="run as root",
    )
    yield _program("lab", "systemd-nspawn", "systemd-container", required=False)
    yield _program("lab", "mmdebstrap", "mmdebstrap", required=False)
    yield _program("lab", "ip", "iproute2", required=False)


def _bundle() -> Iterator[Finding]:
    yield _program("bundle", "go", "golang-go  # 1.26 or newer", required=False)
    yield _program("bundle", "gcc", "gcc libc6-dev libseccomp-dev", required=False)
    bundle = content.home() / "bundle"
    present = (bundle / "SHA256SUMS.sig").exists()
    yield Finding(
        area="bundle",
        subject="bundle",
        ok=present,
        required=False,
        detail=str(bundle) if present else "none built",
        remedy="" if present else "keelyard bundle build",
    )
