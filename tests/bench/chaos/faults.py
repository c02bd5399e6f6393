"""What is done to the site, at random and at every moment: kills, restarts, pauses."""

from __future__ import annotations

import collections
import contextlib
import random
import signal
import threading
from collections.abc import Callable

import psutil

from engine.execution import termination
from tests.bench.chaos.site import Site

BETWEEN_SECONDS = (1.0, 5.0)
PAUSE_SECONDS = (2.0, 12.0)


class Faults:
    """Does one thing after the other until the time is over."""

    def __init__(self, site: Site, seed: int) -> None:
        self.done: collections.Counter[str] = collections.Counter()
        self._site = site
        self._random = random.Random(seed)
        self._resumes: list[threading.Timer] = []
        self._kinds: dict[str, tuple[int, Callable[[], bool]]] = {
            "worker killed": (4, lambda: self._signal_child("host-", signal.SIGKILL)),
            "worker ended": (3, lambda: self._signal_child("host-", signal.SIGTERM)),
            "worker paused": (2, lambda: self._pause_child("host-")),
            "API killed": (2, lambda: self._signal_child("api", signal.SIGKILL)),
            "supervisor killed": (6, lambda: self._signal_supervisor(signal.SIGKILL)),
            "supervisor ended": (2, lambda: self._signal_supervisor(signal.SIGTERM)),
            "supervisor paused": (3, self._pause_supervisor),
            "playbook killed": (3, self._kill_playbook),
            "PostgreSQL killed": (1, lambda: self._signal_database(signal.SIGKILL)),
            "PostgreSQL restarted": (1, lambda: self._signal_database(signal.SIGINT)),
        }

    def run(self, seconds: float) -> None:
        """Blocks for the given time; what is paused goes on afterwards."""
        over = threading.Event()
        timer = threading.Timer(seconds, over.set)
        timer.start()
        names = list(self._kinds)
        weights = [weight for weight, _ in self._kinds.values()]
        try:
            while not over.wait(self._random.uniform(*BETWEEN_SECONDS)):
                [name] = self._random.choices(names, weights)
                with contextlib.suppress(psutil.Error, OSError, IndexError):
                    if self._kinds[name][1]():
                        self.done[name] += 1
        finally:
            timer.cancel()
            for resume in self._resumes:
                resume.join()

    def _signal_child(self, prefix: str, number: signal.Signals) -> bool:
        psutil.Process(self._child(prefix)).send_signal(number)
        return True

    def _child(self, prefix: str) -> int:
        chosen = [process.pid for name, process in self._site.processes.items() if name.startswith(prefix)]
        return self._random.choice(chosen)

    def _pause_child(self, prefix: str) -> bool:
        return self._pause(psutil.Process(self._child(prefix)))

    def _signal_supervisor(self, number: signal.Signals) -> bool:
        self._random.choice(self._site.supervisors()).send_signal(number)
        return True

    def _pause_supervisor(self) -> bool:
        return self._pause(self._random.choice(self._site.supervisors()))

    def _pause(self, process: psutil.Process) -> bool:
        process.suspend()

        def resume() -> None:
            with contextlib.suppress(psutil.Error):
                process.resume()

        timer = threading.Timer(self._random.uniform(*PAUSE_SECONDS), resume)
        timer.start()
        self._resumes.append(timer)
        return True

    def _kill_playbook(self) -> bool:
        found = []
        for process in self._site.of_this_site():
            with contextlib.suppress(psutil.Error):
                if "supervise" in process.cmdline():
                    found += [child for child in process.children(recursive=True) if _is_playbook(child)]
        self._random.choice(found).kill()
        return True

    def _signal_database(self, number: signal.Signals) -> bool:
        self._site.postmaster().send_signal(number)
        return True


def _is_playbook(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        marked = termination.MARKER in process.environ()
        return marked and any(word.endswith("ansible-playbook") for word in process.cmdline())
    return False
