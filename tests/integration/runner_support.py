"""What the tests of the runner share: requests on local connections, and looking at this machine's
processes.
"""

from __future__ import annotations

import sys
import threading
import uuid
from pathlib import Path
from typing import Any

from engine.domain.events import EventKind, RunEvent
from engine.execution import run_directory, runner, termination

PLAYBOOKS = Path(__file__).parent / "playbooks"


def local_inventory(*hosts: str, **variables: Any) -> dict[str, Any]:
    """Hosts that are all this machine."""
    common = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    return {
        "all": {
            "vars": common | variables,
            "hosts": {host: {} for host in hosts},
            "children": {"nobody": {"hosts": {}}},
        }
    }


def request(playbook: str, directory: Path, **fields: Any) -> runner.RunRequest:
    """A request for one of the test playbooks."""
    fields.setdefault("inventory", local_inventory("alpha", "beta"))
    fields.setdefault("run_id", directory.name)
    fields["inventory"]["all"].setdefault("vars", {}).setdefault("keelyard_run_id", directory.name)
    return runner.RunRequest(playbook=PLAYBOOKS / playbook, directory=directory, **fields)


class Running:
    """A run in a thread of its own, with its events as they come."""

    def __init__(self, playbook: str, **fields: Any) -> None:
        self.run_id = f"test-{uuid.uuid4()}"
        self.directory = run_directory.make(self.run_id)
        self.events: list[RunEvent] = []
        self.cancelled = threading.Event()
        self.outcome: runner.RunOutcome | None = None
        self.error: BaseException | None = None
        self._news = threading.Condition()
        self._request = request(playbook, self.directory, **fields)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.outcome = runner.execute(self._request, on_event=self._take, cancelled=self.cancelled)
        except BaseException as error:  # noqa: BLE001 - handed to the test
            self.error = error
        finally:
            with self._news:
                self._news.notify_all()

    def _take(self, event: RunEvent) -> None:
        with self._news:
            self.events.append(event)
            self._news.notify_all()

    def wait_for(self, kind: EventKind, timeout: float = 60) -> RunEvent:
        """The first event of a kind, as soon as it is there."""
        with self._news:
            arrived = self._news.wait_for(lambda: any(e.kind is kind for e in self.events), timeout)
        assert arrived, f"no {kind} among {[event.kind.value for event in self.events]}"
        return next(event for event in self.events if event.kind is kind)

    def finish(self, timeout: float = 120) -> runner.RunOutcome:
        """The outcome; the run directory is removed."""
        self._thread.join(timeout)
        try:
            if self.error is not None:
                raise self.error
            assert self.outcome is not None, "the run did not end"
            return self.outcome
        finally:
            run_directory.remove(self.directory)

    def left_over(self) -> list[str]:
        """Command lines of processes that still carry the run's marker."""
        return [" ".join(process.cmdline()) for process in termination.processes(self.run_id)]
