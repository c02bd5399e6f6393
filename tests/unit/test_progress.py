"""The progress display tells what the events say."""

import io

from rich.console import Console

from engine.processes.progress import JobProgress, clock


def drawn(progress: JobProgress) -> str:
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(progress.render())
    return console.export_text()


def test_a_finished_phase_counts_and_a_failed_host_is_named_with_its_message():
    progress = JobProgress("provision demo", [("preflight", "Check", "pending"), ("init", "Init", "pending")])

    progress.observe({"kind": "job_started"})
    progress.observe({"kind": "phase_started", "phase": "preflight"})
    progress.observe({"kind": "host_ok", "host": "n1"})
    progress.observe({"kind": "phase_finished", "phase": "preflight", "data": {"status": "succeeded"}})
    progress.observe({"kind": "phase_started", "phase": "init"})
    progress.observe({"kind": "host_failed", "host": "n1", "message": "disk is full"})

    text = drawn(progress)
    assert "1/2 phases" in text
    assert "✗ n1: disk is full" in text
    assert not progress.finished


def test_the_last_event_ends_it_with_status_and_reason():
    progress = JobProgress("provision demo", [])

    progress.observe({"kind": "job_finished", "data": {"status": "failed"}, "message": "init failed"})

    assert progress.finished
    assert (progress.status, progress.reason) == ("failed", "init failed")


def test_a_clock_shows_tenths_below_a_minute():
    assert [clock(5.04), clock(65)] == ["5.0 s", "1:05 min"]
