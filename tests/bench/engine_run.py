"""What the engine adds to `ansible-playbook`: the same playbook both ways, whole processes each."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import yaml

from engine.domain.events import RunEvent
from engine.execution import run_directory, runner
from tests.bench import figures
from tests.bench.figures import BenchNotPossible, Figure, Narrate

TASKS = 50
ROUNDS = 3
PLAYBOOK = "fifty_tasks.yml"
INVENTORY = {
    "all": {
        "hosts": {"localhost": {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}}
    }
}


def playbook(tasks: int) -> str:
    """One play of so many commands on this machine, a quarter of which say something long."""
    play = {
        "name": "Many small tasks",
        "hosts": "localhost",
        "gather_facts": False,
        "tags": ["many"],
        "tasks": [
            {
                "name": f"Task {number + 1}",
                "ansible.builtin.command": {"argv": ["seq", "1", "200" if number % 4 == 0 else "1"]},
                "changed_when": False,
            }
            for number in range(tasks)
        ],
    }
    return yaml.safe_dump([play], sort_keys=False)


class Side:
    """One of the two ways, and what its rounds took."""

    def __init__(self, run: Callable[[Path], None]) -> None:
        self._run = run
        self.wall: list[float] = []
        self.cpu: list[float] = []

    def take(self, directory: Path) -> None:
        """One round."""
        began, spent = time.monotonic(), _children_cpu()
        self._run(directory)
        self.wall.append(time.monotonic() - began)
        self.cpu.append(_children_cpu() - spent)


def measure(narrate: Narrate) -> list[Figure]:
    """Interleaved rounds, the first of each side thrown away."""
    load = figures.load()
    engine_side, bare_side = Side(_engine), Side(_bare)
    with tempfile.TemporaryDirectory(prefix="keelyard-bench-") as name:
        directory = Path(name)
        (directory / PLAYBOOK).write_text(playbook(TASKS))
        (directory / "ansible.cfg").write_text("[defaults]\n")
        (directory / "hosts.yml").write_text(yaml.safe_dump(INVENTORY))
        for number in range(ROUNDS + 1):
            # Whoever goes first meets the colder caches: they take turns.
            for side in (engine_side, bare_side) if number % 2 else (bare_side, engine_side):
                side.take(directory)
            took = f"engine {engine_side.wall[-1]:.2f} s, ansible-playbook {bare_side.wall[-1]:.2f} s"
            narrate(f"round {number}: {took}" + (" (warms up)" if number == 0 else ""))
    ratio = statistics.median(engine_side.cpu[1:]) / statistics.median(bare_side.cpu[1:])
    return [
        Figure(
            name=f"engine run of {TASKS} local tasks",
            unit="s",
            aim=1.10,
            measured=engine_side.wall[1:],
            baseline=bare_side.wall[1:],
            load=load,
            notes=[
                "against bare ansible-playbook with the same settings; both with the start of Python",
                f"CPU time of everything they started, medians: {ratio:.2f}",
            ],
        )
    ]


def _children_cpu() -> float:
    """Seconds of CPU of all children that have ended, and of theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _engine(directory: Path) -> None:
    _finish([sys.executable, "-m", "tests.bench.engine_run", str(directory / PLAYBOOK)], os.environ.copy())


def _bare(directory: Path) -> None:
    settings = {
        "PATH": f"{Path(sys.executable).parent}:{os.defpath}",
        "HOME": str(directory),
        "LANG": "C.UTF-8",
        "ANSIBLE_CONFIG": str(directory / "ansible.cfg"),
        "ANSIBLE_PIPELINING": "True",
        "ANSIBLE_GATHERING": "smart",
        "ANSIBLE_INJECT_FACT_VARS": "False",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_INTERPRETER_PYTHON": "auto_silent",
        "ANSIBLE_LOCALHOST_WARNING": "False",
    }
    command = [str(Path(sys.executable).parent / "ansible-playbook"), "-i", str(directory / "hosts.yml")]
    _finish([*command, "--forks", "1", str(directory / PLAYBOOK)], settings)


def _finish(command: list[str], environment: dict[str, str]) -> None:
    done = subprocess.run(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise BenchNotPossible(f"{command[:3]} ended with {done.returncode}: {done.stdout[-500:]}")


def _run_once(path: Path) -> int:
    """In a process of its own: one run through the engine, every event taken."""
    events: list[RunEvent] = []
    run_id = f"bench-{os.getpid()}"
    with run_directory.kept(run_id) as directory:
        outcome = runner.execute(
            runner.RunRequest(
                run_id=run_id,
                playbook=path,
                inventory=INVENTORY,
                secrets=None,
                directory=directory,
                forks=1,
            ),
            on_event=events.append,
            cancelled=threading.Event(),
        )
    if outcome.status is not runner.RunStatus.SUCCESS or len(events) < 2 * TASKS:
        print(f"{outcome.status}: {outcome.failure} ({len(events)} events)")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(_run_once(Path(sys.argv[1])))
