"""A secret of a run shows up nowhere: not in files, not on command lines, not in environments, not in
events.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.domain.events import EventKind
from engine.execution import termination
from engine.execution.events import HIDDEN
from engine.execution.runner import RunStatus
from tests.integration.runner_support import Running

CANARY = "canary-5f2c8e1b77"
CALLERS = "callers-own-secret-91"


def seen_in_processes(run_id: str) -> Iterator[tuple[str, bytes]]:
    """Command line and environment of every process of a run."""
    for process in termination.processes(run_id):
        for name in ("cmdline", "environ"):
            try:
                yield f"{process.pid} {name}", Path(f"/proc/{process.pid}/{name}").read_bytes()
            except OSError:
                continue


def seen_in_files(directory: Path) -> Iterator[tuple[str, bytes]]:
    """Content of every file of a run directory but the one that is there to hold secrets."""
    for path in directory.rglob("*"):
        try:
            if path.is_file() and path.name != "secrets.yml" and "job_events" not in path.parts:
                yield str(path), path.read_bytes()
        except OSError:
            continue


def test_a_canary_is_nowhere_while_the_run_goes_on_or_after(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CALLERS_SECRET", CALLERS)
    log = tmp_path / "run.log"
    run = Running("secrets.yml", secret_variables={"canary": CANARY}, log_path=log)
    found: set[str] = set()
    looked = 0
    over = threading.Event()

    def look() -> None:
        nonlocal looked
        while not over.is_set():
            for places in (seen_in_processes(run.run_id), seen_in_files(run.directory)):
                for where, content in places:
                    looked += 1
                    if CANARY.encode() in content or CALLERS.encode() in content:
                        found.add(where)

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        outcome = run.finish()
    finally:
        over.set()
        watcher.join()
    assert outcome.status is RunStatus.FAILED
    assert looked > 100
    assert found == set()
    encoded = base64.b64encode(CANARY.encode()).decode()
    told = repr(run.events) + repr(outcome) + log.read_text()
    assert CANARY not in told
    assert encoded not in told
    assert "[redacted]" in outcome.failure
    hidden = next(e for e in run.events if e.task == "Use it properly" and e.kind is EventKind.HOST_CHANGED)
    assert hidden.data["result"] == {"censored": HIDDEN}
    assert not run.directory.exists()


def test_the_vars_file_is_private_and_gone_before_the_run_is_over() -> None:
    run = Running("secrets.yml", secret_variables={"canary": CANARY})
    run.wait_for(EventKind.TASK_STARTED)
    mode = (run.directory / "secrets.yml").stat().st_mode & 0o777
    assert mode == 0o600
    assert (run.directory.stat().st_mode & 0o777) == 0o700
    run.finish()


def test_the_environment_is_ours_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLERS_SECRET", CALLERS)
    run = Running("long.yml")
    run.wait_for(EventKind.TASK_STARTED)
    ansibles = ("ANSIBLE_", "RUNNER_", "AWX_", "MAX_EVENT_RES")
    allowed = (*ansibles, "PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", termination.MARKER)
    process = next(p for p in termination.processes(run.run_id) if "playbook" in p.cmdline()[-1])
    names = [entry.split("=")[0] for entry in _environment(process.pid)]
    run.cancelled.set()
    run.finish()
    assert [name for name in names if name and not name.startswith(allowed) and name != "PWD"] == []


def _environment(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
