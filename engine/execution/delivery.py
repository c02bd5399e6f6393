"""Hands events over without ever making Ansible wait: a bounded queue and one thread."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable

import structlog

from engine.domain.events import EventKind, RunEvent

CAPACITY = 20_000  # events; a run of ten nodes has about 6,000 in all
_EXPENDABLE = frozenset(
    {EventKind.HOST_OK, EventKind.HOST_SKIPPED, EventKind.TASK_STARTED, EventKind.MESSAGE}
)
_log = structlog.get_logger(__name__)


class Delivery:
    """Calls `on_event` for every event, in order, in a thread of its own.

    A receiver that raises loses that event and is called again with the next. A receiver so slow that the
    queue is full loses routine events, and is told how many; changes, failures and phases always arrive.
    """

    def __init__(self, on_event: Callable[[RunEvent], None], capacity: int = CAPACITY) -> None:
        self._on_event = on_event
        self._capacity = capacity
        self._queue: queue.SimpleQueue[RunEvent | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._deliver, name="run-events", daemon=True)
        self.left_out = 0
        self.refused = 0
        self._thread.start()

    def put(self, events: Iterable[RunEvent]) -> None:
        """Queue events; returns at once."""
        for event in events:
            if self._queue.qsize() >= self._capacity and event.kind in _EXPENDABLE:
                self.left_out += 1
            else:
                self._queue.put(event)

    def close(self) -> None:
        """Deliver what is queued and end. Blocks until the receiver has had everything."""
        self._queue.put(None)
        self._thread.join()

    def _deliver(self) -> None:
        while (event := self._queue.get()) is not None:
            try:
                self._on_event(event)
            except Exception:  # noqa: BLE001 - the receiver's trouble must not end the run
                self.refused += 1
                _log.exception("event_refused", kind=event.kind.value)
