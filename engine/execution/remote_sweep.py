"""Runs on a node, read from standard input by whatever Python 3 is there (3.9 and up); standard library
only.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

LOOK_SECONDS = 0.2
SETTLE_SECONDS = 1.0  # a command that was on its way when its sender died still starts


def sweep(text: str) -> None:
    """End every process with one of the markers; report as JSON lines. Spared programs, what they started and
    what waits for them are left alone until they are done, or until the time to wait is over."""
    orders = json.loads(text)
    markers = {marker.encode() for marker in orders["markers"]}
    start = time.monotonic()
    clean_since = start
    killed: set[int] = set()
    reported: list[str] = []
    while True:
        marked = _marked(markers)
        spared = _spared(marked, set(orders["spare"]))
        for pid in set(marked) - spared:
            _kill(pid, killed)
        names = sorted({marked[pid] for pid in spared if marked[pid] in orders["spare"]})
        now = time.monotonic()
        if marked:
            clean_since = now
        elif now - clean_since >= SETTLE_SECONDS:
            break
        if names and names != reported:
            _say({"waiting": names})
            reported = names
        if marked and now - start > orders["wait_seconds"]:
            _say({"killed": len(killed)})
            _say({"gave_up": names or sorted(set(marked.values()))})
            return
        time.sleep(LOOK_SECONDS)
    _say({"killed": len(killed)})


def _marked(markers: set[bytes]) -> dict[int, str]:
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            if markers & set((entry / "environ").read_bytes().split(b"\0")):
                found[int(entry.name)] = (entry / "comm").read_text(errors="replace").strip()
        except OSError:
            continue
    return found


def _spared(marked: dict[int, str], names: set[str]) -> set[int]:
    """The programs themselves, everything below them, and the chain above them that reads their output."""
    parents = {pid: _parent(pid) for pid in marked}
    spared = set()
    for pid in marked:
        chain = [pid]
        while parents.get(chain[-1], 0) in marked:
            chain.append(parents[chain[-1]])
        if any(marked[link] in names for link in chain):
            spared.update(chain)
    return spared


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[1])
    except (OSError, ValueError):
        return 0


def _kill(pid: int, killed: set[int]) -> None:
    try:
        os.kill(pid, signal.SIGKILL if pid in killed else signal.SIGTERM)
        killed.add(pid)
    except OSError:
        pass


def _say(what: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()
