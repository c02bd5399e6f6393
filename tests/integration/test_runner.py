"""Runs of real ansible-playbook on local connections: phases, failures, events, files."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from engine.domain.errors import NotFound
from engine.domain.events import EventKind, RunEvent
from engine.domain.statuses import PhaseStatus
from engine.execution import run_directory, runner
from engine.execution.runner import RunStatus
from tests.integration.runner_support import Running, local_inventory, request


def phase_ends(events: list[RunEvent]) -> list[tuple[str | None, str]]:
    return [(e.phase, e.data["status"]) for e in events if e.kind is EventKind.PHASE_FINISHED]


def test_every_play_is_a_phase_and_hosts_are_counted() -> None:
    run = Running("phases.yml")
    outcome = run.finish()
    assert outcome.status is RunStatus.SUCCESS
    assert outcome.failure == ""
    assert outcome.phases == {
        "first": PhaseStatus.SUCCEEDED,
        "second": PhaseStatus.SUCCEEDED,
        "third": PhaseStatus.SKIPPED,
    }
    assert phase_ends(run.events) == [("first", "succeeded"), ("second", "succeeded"), ("third", "skipped")]
    assert (outcome.hosts["alpha"].ok, outcome.hosts["alpha"].changed) == (3, 1)
    discovery = next(event for event in run.events if event.kind is EventKind.TASK_STARTED)
    assert (discovery.task, discovery.phase) == ("Look", None)
    assert run.left_over() == []


def test_a_failed_node_is_told_in_words_and_the_others_results_are_kept() -> None:
    run = Running("phases.yml", inventory=local_inventory("alpha", "beta", broken="beta"))
    outcome = run.finish()
    assert outcome.status is RunStatus.FAILED
    assert outcome.failure.startswith('beta in "Need the right weather":')
    assert "it rains" in outcome.failure
    assert outcome.phases["first"] is PhaseStatus.FAILED
    assert outcome.phases["second"] is PhaseStatus.FAILED  # beta never ended it
    assert outcome.hosts["alpha"].failed == 0
    assert outcome.hosts["alpha"].ok > outcome.hosts["beta"].ok
    failed = next(event for event in run.events if event.kind is EventKind.HOST_FAILED)
    assert (failed.host, failed.phase, failed.data["result"]["rc"]) == ("beta", "first", 3)


def test_only_the_phases_asked_for_are_run_and_reported() -> None:
    run = Running("phases.yml", tags=("second",))
    outcome = run.finish()
    assert outcome.phases == {"second": PhaseStatus.SUCCEEDED}
    assert {event.phase for event in run.events if event.kind is EventKind.PHASE_STARTED} == {"second"}


def test_a_rescued_failure_is_success_and_tidying_up_is_no_rescue() -> None:
    outcome = Running("rescue.yml").finish()
    assert outcome.phases == {"mend": PhaseStatus.SUCCEEDED, "tidy": PhaseStatus.FAILED}
    assert outcome.failure.startswith('alpha in "Break again":') or outcome.failure.startswith("beta")


def test_when_no_node_matches_the_run_has_failed() -> None:
    outcome = Running("phases.yml", inventory={"all": {"hosts": {}, "children": {"nobody": {}}}}).finish()
    assert outcome.status is RunStatus.FAILED
    assert "nothing was done" in outcome.failure


def test_a_limit_that_matches_nothing_fails_with_what_ansible_says() -> None:
    outcome = Running("phases.yml", limit="gamma").finish()
    assert outcome.status is RunStatus.FAILED
    assert outcome.phases["first"] is PhaseStatus.FAILED
    assert "gamma" in outcome.failure or "limit" in outcome.failure


def test_a_broken_playbook_fails_its_first_phase_with_a_reason(tmp_path: Path) -> None:
    playbook = tmp_path / "broken.yml"
    playbook.write_text(
        "- {name: Broken, hosts: all, tags: [broken], tasks: [{no_such_module_at_all: {}}]}\n"
    )
    with run_directory.kept("test-broken") as directory:
        given = request("phases.yml", directory)
        outcome = runner.execute(
            runner.RunRequest(
                run_id="test-broken", playbook=playbook, inventory=given.inventory, directory=directory
            ),
            on_event=lambda _event: None,
            cancelled=threading.Event(),
        )
    assert outcome.status is RunStatus.FAILED
    assert outcome.phases == {"broken": PhaseStatus.FAILED}
    assert "no_such_module_at_all" in outcome.failure


def test_a_missing_playbook_is_refused_before_anything_starts() -> None:
    with run_directory.kept("test-missing") as directory, pytest.raises(NotFound):
        runner.execute(request("none.yml", directory), on_event=print, cancelled=threading.Event())


def test_a_receiver_that_raises_does_not_touch_the_run() -> None:
    def refuse(_event: RunEvent) -> None:
        raise RuntimeError("full disk")

    with run_directory.kept("test-refusing") as directory:
        outcome = runner.execute(
            request("phases.yml", directory), on_event=refuse, cancelled=threading.Event()
        )
    assert outcome.status is RunStatus.SUCCESS


def test_odd_bytes_and_long_lines_arrive_clean_and_bounded(tmp_path: Path) -> None:
    log = tmp_path / "run.log"
    run = Running("noise.yml", inventory=local_inventory("alpha"), log_path=log)
    outcome = run.finish()
    assert outcome.status is RunStatus.SUCCESS
    event = next(event for event in run.events if event.kind is EventKind.HOST_CHANGED)
    assert event.data["result"]["truncated"] is True
    said = event.data["result"]["stdout"]
    assert said.endswith("xxx")
    text = log.read_text()
    assert "TASK [Print odd bytes]" in text
    assert not any(character in text + said for character in ("\x00", "\x1b"))


def test_check_mode_changes_nothing_and_says_so() -> None:
    run = Running("phases.yml", check=True)
    assert run.finish().status is RunStatus.SUCCESS
    assert any(event.kind is EventKind.HOST_SKIPPED for event in run.events)


def test_a_run_cancelled_before_it_starts_starts_nothing() -> None:
    cancelled = threading.Event()
    cancelled.set()
    events: list[RunEvent] = []
    with run_directory.kept("test-early") as directory:
        outcome = runner.execute(
            request("phases.yml", directory), on_event=events.append, cancelled=cancelled
        )
    assert outcome.status is RunStatus.CANCELLED
    assert not any(event.kind is EventKind.TASK_STARTED for event in events)
