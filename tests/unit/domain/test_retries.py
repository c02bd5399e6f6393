"""Which nodes a retry works on, and why."""

from __future__ import annotations

import pytest

from engine.domain import retries
from engine.domain.errors import InvalidSpec
from engine.domain.recaps import HostStatus
from engine.domain.retries import LastRun, LeftPhase
from engine.domain.statuses import NodeRole

NODES = {
    "c1": NodeRole.CONTROL_PLANE,
    "w1": NodeRole.WORKER,
    "w2": NodeRole.WORKER,
    "w3": NodeRole.WORKER,
}
ALL = frozenset(NODES)


def phase(name: str = "Prepare", targets: frozenset[str] = ALL, *, ended: bool = True, needs: bool = False):
    return LeftPhase(name=name, targets=targets, ended=ended, needs_control_plane=needs)


def last_run(*phases: LeftPhase, left_out: tuple[str, ...] = (), **hosts: HostStatus) -> LastRun:
    return LastRun(
        nodes=NODES,
        hosts=dict.fromkeys(NODES, HostStatus.CHANGED) | hosts,
        left_out=left_out,
        phases=phases,
    )


def chosen(wanted, run: LastRun) -> dict[str, str]:
    return {choice.host: choice.because for choice in retries.select(wanted, run).hosts}


def test_failed_and_unreachable_nodes_are_worked_on_again_and_no_others():
    run = last_run(phase(), w1=HostStatus.FAILED, w3=HostStatus.UNREACHABLE)

    assert chosen("failed", run) == {"w1": "failed", "w3": "unreachable"}


def test_a_remaining_phase_that_asks_the_control_plane_brings_it_in_and_says_so():
    run = last_run(phase(), phase("Join the workers", needs=True), w1=HostStatus.FAILED)

    assert chosen("failed", run) == {"c1": "“Join the workers” cannot do without it", "w1": "failed"}


def test_a_remaining_phase_on_control_planes_alone_brings_them_in():
    run = last_run(phase("Verify", frozenset({"c1"})), w1=HostStatus.FAILED)

    assert chosen("failed", run)["c1"] == "“Verify” cannot do without it"


def test_nodes_that_a_phase_never_reached_are_not_done():
    run = last_run(phase("Join", frozenset({"w1", "w2"}), ended=False), w2=HostStatus.PENDING)

    assert chosen("failed", run) == {"w1": "did not come through “Join”", "w2": "never reached"}


def test_a_node_without_work_in_what_remains_is_done():
    run = last_run(phase("Join", frozenset({"w1"}), ended=False), w1=HostStatus.FAILED, w3=HostStatus.PENDING)

    assert chosen("failed", run) == {"w1": "failed"}


def test_when_nothing_tells_which_node_failed_all_are_worked_on():
    assert list(chosen("failed", last_run(phase()))) == list(NODES)


def test_all_means_all():
    selection = retries.select("all", last_run(phase(), w1=HostStatus.FAILED))

    assert [choice.host for choice in selection.hosts] == list(NODES)
    assert {choice.because for choice in selection.hosts} == {""}


def test_named_nodes_leave_the_other_unfinished_ones_out_and_remember_them():
    run = last_run(phase(), w1=HostStatus.FAILED, w2=HostStatus.FAILED)

    selection = retries.select(["w3", "w1"], run)

    assert {choice.host: choice.because for choice in selection.hosts} == {"w1": "failed", "w3": "chosen"}
    assert selection.left_out == ("w2",)


def test_what_a_retry_left_out_is_not_done():
    run = last_run(phase(), left_out=("w2",), w1=HostStatus.CHANGED)

    assert chosen("failed", run) == {"w2": "left out of the retry before"}


@pytest.mark.parametrize(
    ("wanted", "words"),
    [(["w1", "w9", "x"], "has no node w9, x; it has c1, w1, w2, w3"), ([], "names no node")],
)
def test_unknown_nodes_are_named(wanted: list[str], words: str):
    with pytest.raises(InvalidSpec) as refused:
        retries.select(wanted, last_run(phase()))

    assert [(problem.field, words in problem.message) for problem in refused.value.problems] == [
        ("hosts", True)
    ]
