import threading
from datetime import UTC, datetime

from engine.domain.events import EventKind, RunEvent
from engine.execution.delivery import Delivery


def event(kind: EventKind, message: str = "") -> RunEvent:
    return RunEvent(kind=kind, created_at=datetime.now(UTC), message=message)


def test_a_receiver_that_raises_is_called_again() -> None:
    seen: list[str] = []

    def receive(given: RunEvent) -> None:
        seen.append(given.message)
        if given.message == "bad":
            raise RuntimeError

    delivery = Delivery(receive)
    delivery.put([event(EventKind.MESSAGE, text) for text in ("one", "bad", "two")])
    delivery.close()
    assert seen == ["one", "bad", "two"]
    assert delivery.refused == 1


def test_a_stuck_receiver_makes_nobody_wait_and_loses_only_routine() -> None:
    release = threading.Event()
    seen: list[EventKind] = []

    def receive(given: RunEvent) -> None:
        release.wait()
        seen.append(given.kind)

    delivery = Delivery(receive, capacity=10)
    delivery.put([event(EventKind.HOST_OK)] * 100)
    delivery.put([event(EventKind.HOST_FAILED), event(EventKind.PHASE_FINISHED)])
    assert delivery.left_out >= 89
    release.set()
    delivery.close()
    assert seen[-2:] == [EventKind.HOST_FAILED, EventKind.PHASE_FINISHED]
