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


def test_a_stuck_receiver_loses_nothing_and_memory_stays_bounded() -> None:
    """Whoever produces events waits for it, once so many are queued."""
    release = threading.Event()
    seen: list[str] = []

    def receive(given: RunEvent) -> None:
        release.wait()
        seen.append(given.message)

    delivery = Delivery(receive, capacity=10)
    producer = threading.Thread(
        target=delivery.put, args=[[event(EventKind.HOST_OK, str(number)) for number in range(100)]]
    )
    producer.start()
    producer.join(0.2)
    assert producer.is_alive()
    release.set()
    producer.join()
    delivery.close()
    assert seen == [str(number) for number in range(100)]
