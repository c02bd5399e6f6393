"""Events as lines of text."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from engine.domain.events import EventKind, RunEvent
from engine.services import job_events

AT = datetime(2026, 1, 29, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (
            RunEvent(
                kind=EventKind.PHASE_STARTED, created_at=AT, phase="preflight", message="Check the nodes"
            ),
            "2026-01-29T10:00:00Z phase_started preflight Check the nodes\n",
        ),
        (
            RunEvent(
                kind=EventKind.HOST_OK,
                created_at=AT,
                host="n-1",
                task="Install",
                duration_seconds=1.25,
                phase="x",
            ),
            "2026-01-29T10:00:00Z host_ok [n-1] Install (1.2 s)\n",
        ),
        (
            RunEvent(kind=EventKind.JOB_FINISHED, created_at=AT, data={"status": "failed"}),
            "2026-01-29T10:00:00Z job_finished failed\n",
        ),
    ],
)
def test_one_event_is_one_entry(event: RunEvent, line: str) -> None:
    assert job_events.line(event) == line
