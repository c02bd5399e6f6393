"""Hands events over in a thread of its own, so that Ansible waits only when the receiver is far behind."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable

import structlog

from engine.domain.events import RunEvent

CAPACITY = 2_000  # events
_log = structlog.get_logger(__name__)


class Delivery:
    """Calls `on_event` for every event, in order, in a thread of its own; none is left out.

    A receiver that is `capacity` events behind makes `put` wait, and with it Ansible: memory stays bounded
    and nothing is lost. A receiver that raises loses that event and is called again with the next.
    """

    def __init__(self, on_event: Callable[[RunEvent], None], capacity: int = CAPACITY) -> None:
        self._on_event = on_event
        self._queue: queue.Queue[RunEvent | None] = queue.Queue(capacity)
        self._thread = threading.Thread(target=self._deliver, name="run-events", daemon=True)
        self.refused = 0
        self._thread.start()

    def put(self, events: Iterable[RunEvent]) -> None:
        """Queue events; returns at once unless the receiver is far behind."""
        for event in events:
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
