"""Ends everything that belongs to a run on this machine, and makes sure that it ends when its owner dies.

`ansible-playbook` runs in its own PID namespace: its workers leave their process group (ansible-core ≥
2.19), so nothing less catches them all. Where namespaces may not be made, a subreaper and the run's marker
in the environment do the same.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from engine.execution import leash, run_directory

# Two names: nodes may be containers of this very machine, and nothing on them is ours to kill from here.
MARKER = "KEELYARD_CONTROLLER_RUN"  # in the environment of everything of a run on this machine
NODE_MARKER = "KEELYARD_RUN_ID"  # in the environment of a run's tasks on the nodes, set by the plays
GRACE_SECONDS = 10.0
_SWEEP_SECONDS = 5.0
_PR_SET_CHILD_SUBREAPER = 36
_LEASH = Path(leash.__file__).read_text(encoding="utf-8")  # now: the file may be replaced during a run
_PID_NAMESPACE = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")


def become_subreaper() -> None:
    """Orphans of this process' children come back to it instead of going to init."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


@functools.cache
def namespaces_allowed() -> bool:
    """Whether this process may make PID namespaces (root, and no container in the way)."""
    if os.geteuid() != 0 or not shutil.which("unshare"):
        return False
    return subprocess.run([*_PID_NAMESPACE, "true"], capture_output=True, check=False).returncode == 0


def leashed(command: list[str], directory: Path, run_id: str, *, isolate: bool) -> list[str]:
    """A command so changed that it dies with the thread that starts it.

    With `isolate` everything below it dies too, also when its owner lives but says nothing any more (see
    `leash`, whose FIFO is DIRECTORY/pulse). Where it is allowed the leash is init of a PID namespace; either
    way `ansible-playbook` is an ordinary process below it that a signal can end.
    """
    dies_with_parent = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
    if not isolate:
        return [*dies_with_parent, *command]
    program = directory / "leash.py"
    run_directory.write_private(program, _LEASH)
    on_leash = [sys.executable, "-I", "-S", str(program), str(directory / "pulse"), f"{MARKER}={run_id}"]
    if namespaces_allowed():
        return [*dies_with_parent, *_PID_NAMESPACE, *on_leash, *command]
    return [*on_leash, *dies_with_parent, *command]  # the leash itself sees that its owner is gone, and kills


def processes(run_id: str) -> list[psutil.Process]:
    """Every process on this machine that carries the marker of a run, but this one."""
    found = []
    marker = f"{MARKER}={run_id}".encode()
    for pid in psutil.pids():
        if pid != os.getpid() and _carries(pid, marker):
            with contextlib.suppress(psutil.NoSuchProcess):
                found.append(psutil.Process(pid))
    return found


def stop(run_id: str, *, grace: float = GRACE_SECONDS, finished: Callable[[], bool] = lambda: False) -> None:
    """End a run of this process: SIGTERM to `ansible-playbook`, `grace` seconds, then SIGKILL to all that is
    left.

    `finished` ends the wait early.
    """
    deadline = time.monotonic() + grace
    asked: set[int] = set()
    while time.monotonic() < deadline and not finished():
        running = processes(run_id)
        if not running and asked:
            return
        for process in filter(_is_main, running):
            if process.pid not in asked:
                asked.add(process.pid)
                _signal(process, signal.SIGTERM)
        time.sleep(0.05)
    reap_local(run_id)


def reap_local(run_id: str) -> int:
    """SIGKILL everything on this machine that carries the marker of a run; how many processes that were.

    For recovery after a supervisor died, before anything is resumed. Returns when nothing is left, at most 5
    s later. Ended children are left for their parent to collect.
    """
    killed: set[int] = set()
    deadline = time.monotonic() + _SWEEP_SECONDS
    while (left := processes(run_id)) and time.monotonic() < deadline:
        for process in left:
            killed.add(process.pid)
            _signal(process, signal.SIGKILL)
        time.sleep(0.02)
    return len(killed)


def _carries(pid: int, marker: bytes) -> bool:
    try:
        return marker in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False


def _is_main(process: psutil.Process) -> bool:
    """Whether this is `ansible-playbook` itself: neither what started it nor one of its forks."""
    try:
        parent = process.parent()
        return _runs_playbook(process) and not (parent is not None and _runs_playbook(parent))
    except psutil.Error:
        return False


def _runs_playbook(process: psutil.Process) -> bool:
    words = process.cmdline()
    return len(words) > 1 and "python" in Path(words[0]).name and Path(words[1]).name == "ansible-playbook"


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    with contextlib.suppress(psutil.Error):
        process.send_signal(number)
