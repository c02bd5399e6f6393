"""Labs for a bench: two nodes, bare when the block begins, gone when it ends."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engine import content, lab
from tests.bench.figures import BenchNotPossible

NODES = 2
#: Of inotify, which two nodes with Kubernetes take; where they run out, pods fail and start again.
INSTANCES = 45
WAIT_SECONDS = 300


@contextlib.contextmanager
def two_nodes(name: str) -> Iterator[lab.Lab]:
    """One future control plane and one worker.

    Raises BenchNotPossible where no lab can be.
    """
    if sys.platform != "linux" or os.geteuid() != 0:
        raise BenchNotPossible("Lab nodes need root on a Linux machine.")
    lab.down(name)
    _await_inotify()
    try:
        yield lab.up(name, nodes=NODES)
    finally:
        lab.down(name)


def _await_inotify() -> None:
    """Other labs on this machine may be about to end."""
    limit = int(Path("/proc/sys/fs/inotify/max_user_instances").read_text())
    deadline = time.monotonic() + WAIT_SECONDS
    while (free := limit - _inotify_instances()) < INSTANCES:
        if time.monotonic() > deadline:
            raise BenchNotPossible(
                f"Two more nodes need about {INSTANCES} inotify instances, {free} of {limit} are free: "
                "end other labs, or raise fs.inotify.max_user_instances."
            )
        time.sleep(5)


def _inotify_instances() -> int:
    taken = 0
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):
            taken += str(link.readlink()) == "anon_inode:inotify"
    return taken


def request(name: str, version: str, cluster_name: str | None = None) -> dict[str, Any]:
    """The create request of a cluster on all nodes of the lab, with flannel."""
    return lab.create_request(name, cluster_name, kubernetes_version=version)


def bundle() -> Path:
    """The bundle directory.

    Raises BenchNotPossible when there is none.
    """
    path = Path(os.environ.get("KEELYARD_BUNDLE") or content.home() / "bundle")
    if not (path / "SHA256SUMS.sig").is_file():
        raise BenchNotPossible(f"There is no bundle at {path}: `make bundle` builds it.")
    return path


def version(bundle_path: Path) -> str:
    """The Kubernetes version of a bundle."""
    found: str = json.loads((bundle_path / "bundle.json").read_bytes())["kubernetes_version"]
    return found
