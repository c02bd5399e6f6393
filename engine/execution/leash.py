"""Stands above a run's `ansible-playbook` and ends everything below it when its owner falls silent.

Started with whatever Python runs Keelyard, as a copy in the run's directory; standard library only, and
nothing of Keelyard, which may be upgraded meanwhile.

    python leash.py PULSE MARKER COMMAND...

PULSE is a FIFO. Its writer is the owner: each eight bytes are the moment (a double, seconds of
CLOCK_BOOTTIME, which goes on while the machine sleeps) until which the run may go on. When that moment has
passed, or the writer is gone, everything is killed. As init of a PID namespace it only has to end for that;
else it kills what carries MARKER (NAME=VALUE) in its environment. It reaps orphans, and ends as COMMAND ends.
"""

from __future__ import annotations

import math
import os
import select
import signal
import struct
import sys
import time
from pathlib import Path

EXPIRED = 75  # exit code; none of ansible-playbook's
BEAT = struct.Struct("<d")
CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
_PR_SET_CHILD_SUBREAPER = 36
_LONGEST_WAIT = 60.0  # seconds; the clock of `poll` stands still while the machine sleeps


def main(pulse: str, marker: str, *command: str) -> int:
    """Run a command on the leash; its exit code, or EXPIRED."""
    beats = os.open(pulse, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    news, wakeup = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
    if os.getpid() != 1:
        _become_subreaper()
    deadline = _deadline(beats, math.inf)
    if deadline <= _now():
        return EXPIRED
    child = os.posix_spawnp(command[0], command, os.environ, setsigdef=[signal.SIGPIPE])
    poll = select.poll()
    poll.register(beats, select.POLLIN)
    poll.register(news, select.POLLIN)
    while (code := _reap(child)) is None:
        if deadline <= _now():
            _end_everything(marker)
            return EXPIRED
        poll.poll(1000 * max(0.0, min(deadline - _now(), _LONGEST_WAIT)) + 1)
        _read(news)
        deadline = _deadline(beats, deadline)
    return code


def _now() -> float:
    return time.clock_gettime(CLOCK)


def _deadline(beats: int, before: float) -> float:
    """The last moment that was written; the past when the writer is gone."""
    said = _read(beats)
    if said == b"":
        return -math.inf
    if said is None:
        return before
    return float(BEAT.unpack(said[-BEAT.size :])[0])  # a FIFO keeps writes this small whole


def _read(descriptor: int) -> bytes | None:
    """What can be read at once; None when that is nothing."""
    found = b""
    try:
        while chunk := os.read(descriptor, 4096):
            found += chunk
    except BlockingIOError:
        return found or None
    return b""


def _reap(child: int) -> int | None:
    """Collect what has ended; the exit code when the child is among it."""
    code = None
    try:
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return code
            if pid == child:
                ended = os.waitstatus_to_exitcode(status)
                code = ended if ended >= 0 else 128 - ended
    except ChildProcessError:
        return code


def _become_subreaper() -> None:
    import ctypes

    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _end_everything(marker: str) -> None:
    """Where we are init, our end is everything's end."""
    if os.getpid() == 1:
        return
    deadline = _now() + 5.0
    while (found := _marked(marker.encode())) and _now() < deadline:
        for pid in found:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                continue
        _reap(0)
        time.sleep(0.02)


def _marked(marker: bytes) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                if marker in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
