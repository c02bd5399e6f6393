"""However a run ends, nothing of it stays behind on this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import psutil
import pytest

from engine.domain.events import EventKind
from engine.domain.statuses import PhaseStatus
from engine.execution import pulse, run_directory, termination
from engine.execution.runner import RunStatus
from tests.integration.runner_support import Running

OWNER = """
import sys, threading
from pathlib import Path
from engine.execution import runner, termination
from tests.integration import runner_support
if "no-namespaces" in sys.argv:
    termination.namespaces_allowed = lambda: False
directory = Path(sys.argv[1])
runner.execute(
    runner_support.request("long.yml", directory),
    on_event=lambda event: print(event.kind.value, flush=True),
    cancelled=threading.Event(),
)
"""


def sleepers(run: Running) -> list[psutil.Process]:
    return [process for process in termination.processes(run.run_id) if process.name() == "sleep"]


def wait_until(condition: object, seconds: float = 30) -> None:
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never became true"
        time.sleep(0.02)


def test_cancel_leaves_no_process_and_says_cancelled() -> None:
    run = Running("long.yml")
    wait_until(lambda: len(sleepers(run)) == 2)
    run.cancelled.set()
    outcome = run.finish()
    assert outcome.status is RunStatus.CANCELLED
    assert outcome.phases == {"wait": PhaseStatus.FAILED}
    assert run.left_over() == []
    assert run.events[-1].kind is EventKind.PHASE_FINISHED
    assert run.events[-1].message == "cancelled"


def test_cancel_while_ansible_still_starts_leaves_no_process() -> None:
    run = Running("long.yml")
    wait_until(lambda: termination.processes(run.run_id))
    run.cancelled.set()
    assert run.finish().status is RunStatus.CANCELLED
    assert run.left_over() == []


def test_a_playbook_that_will_not_stop_is_killed_after_the_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(termination, "_is_main", lambda _process: False)  # SIGTERM reaches nobody
    monkeypatch.setattr(termination.stop, "__kwdefaults__", {"grace": 0.5, "finished": lambda: False})
    run = Running("long.yml")
    wait_until(lambda: len(sleepers(run)) == 2)
    run.cancelled.set()
    assert run.finish().status is RunStatus.CANCELLED
    assert run.left_over() == []


@pytest.mark.parametrize("namespaces", [True, False])
def test_without_namespaces_cancel_leaves_nothing_either(
    namespaces: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if namespaces and not termination.namespaces_allowed():
        pytest.skip("PID namespaces are not allowed here")
    monkeypatch.setattr(termination, "namespaces_allowed", lambda: namespaces)
    run = Running("long.yml")
    wait_until(lambda: len(sleepers(run)) == 2)
    run.cancelled.set()
    assert run.finish().status is RunStatus.CANCELLED
    assert run.left_over() == []


@pytest.mark.parametrize("how", ["namespaces", "no-namespaces"])
def test_when_the_owner_is_killed_everything_ends_with_it(how: str) -> None:
    if how == "namespaces" and not termination.namespaces_allowed():
        pytest.skip("PID namespaces are not allowed here")
    run_id = f"test-{uuid.uuid4()}"
    directory = run_directory.make(run_id)
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(directory), how],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    try:
        wait_until(lambda: any(process.name() == "sleep" for process in termination.processes(run_id)))
        owner.send_signal(signal.SIGKILL)
        owner.wait()
        wait_until(lambda: not termination.processes(run_id))
    finally:
        owner.kill()
        owner.wait()
        assert owner.stdout is not None
        owner.stdout.close()
        termination.reap_local(run_id)
        run_directory.remove(directory)


@pytest.mark.parametrize("namespaces", [True, False])
def test_a_run_whose_owner_falls_silent_is_killed(namespaces: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if namespaces and not termination.namespaces_allowed():
        pytest.skip("PID namespaces are not allowed here")
    monkeypatch.setattr(termination, "namespaces_allowed", lambda: namespaces)
    owner = pulse.Pulse()
    owner.until(pulse.now() + 3600)
    run = Running("long.yml", pulse=owner)
    wait_until(lambda: len(sleepers(run)) == 2)
    owner.until(pulse.now() + 0.5)
    outcome = run.finish()
    assert outcome.status is RunStatus.EXPIRED
    assert outcome.phases == {"wait": PhaseStatus.FAILED}
    assert run.left_over() == []


def test_a_run_that_has_no_time_left_never_starts() -> None:
    late = pulse.Pulse()
    late.until(pulse.now() - 1)
    run = Running("long.yml", pulse=late)
    assert run.finish().status is RunStatus.EXPIRED
    assert not [event for event in run.events if event.kind is EventKind.TASK_STARTED]


def test_recovery_kills_what_a_dead_owner_left() -> None:
    run_id = f"test-{uuid.uuid4()}"
    orphan = subprocess.Popen(["sleep", "600"], env={termination.MARKER: run_id, "PATH": os.environ["PATH"]})
    wait_until(lambda: termination.processes(run_id))
    assert termination.reap_local(run_id) == 1
    assert orphan.wait() == -signal.SIGKILL
    assert termination.reap_local(run_id) == 0
