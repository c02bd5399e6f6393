"""Walks over a node's own file systems, without those of pods. Runs on the nodes: Python 3.9 and the standard library alone."""

from __future__ import annotations

import os
import stat

LOCAL = ("ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "overlay", "tmpfs", "jfs", "reiserfs")
NEVER = ("/proc", "/sys", "/dev", "/run")


def inside(path, directories):
    """Whether a path is one of some directories or below one."""
    return any(path == directory or path.startswith(directory.rstrip("/") + "/") for directory in directories)


def places(exclude):
    """Where local file systems are mounted, with their options, without those that are left alone."""
    found = {}
    with open("/proc/mounts", encoding="utf-8") as stream:
        for line in stream:
            _, where, kind, options = line.split()[:4]
            where = where.encode().decode("unicode_escape")
            if kind in LOCAL and os.path.isdir(where) and not inside(where, exclude):
                found[where] = options.split(",")
    return sorted(found.items())


def everything(exclude, without=("ro",)):
    """Path and state of everything on the node's own file systems; links are not followed.

    File systems that are mounted with one of the options in `without` are left out.
    """
    exclude = [*NEVER, *exclude]
    for top, options in places(exclude):
        if not set(without) & set(options):
            yield from below(top, exclude)


def below(top, exclude):
    """The same below one directory, on its own file system."""
    device = os.lstat(top).st_dev
    waiting = [top]
    while waiting:
        try:
            entries = list(os.scandir(waiting.pop()))
        except OSError:
            continue
        for entry in entries:
            try:
                state = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            if state.st_dev != device or inside(entry.path, exclude):
                continue
            if stat.S_ISDIR(state.st_mode):
                waiting.append(entry.path)
            yield entry.path, state
