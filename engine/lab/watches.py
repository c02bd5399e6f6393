"""The kernel's inotify instances: the resource that many nodes on one machine use up first.

systemd, containerd and kubelet of every node share one limit, that of root; a node that gets none stops
while booting, and says why only in its own console.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

_LIMIT = Path("/proc/sys/fs/inotify/max_user_instances")
_NEARLY = 0.9


def remedy() -> str:
    """What to do when the instances are nearly used up; empty while there is room."""
    limit = int(_LIMIT.read_text())
    used = sum(1 for _ in _instances())
    if used < limit * _NEARLY:
        return ""
    return (
        f"{used} of the {limit} inotify instances of this machine are in use: take other labs down "
        f"(`keelyard lab status`), "
        f"or raise fs.inotify.max_user_instances."
    )


def _instances(processes: Path = Path("/proc")) -> Iterator[Path]:
    for descriptor in processes.glob("[0-9]*/fd/*"):
        try:
            if descriptor.readlink() == Path("anon_inode:inotify"):
                yield descriptor
        except OSError:  # the process ended meanwhile
            continue
