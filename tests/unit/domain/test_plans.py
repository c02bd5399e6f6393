"""Plan documents: what identifies them, what they come to in figures and words, how two of them differ."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from engine.domain import plan_text, plans
from engine.domain.plans import Certainty, Diff, Document, Finding, HostPlan, Item
from engine.domain.specs import ClusterSpec, Components, NodeSpec, Topology
from engine.domain.statuses import NodeRole, OsType

ITEM = Item(
    phase="containerd",
    task="Configure containerd",
    what="/etc/containerd/config.toml",
    certainty=Certainty.EXACT,
    diffs=(Diff(title="/etc/containerd/config.toml", before="a\nb\n", after="a\nc\n"),),
)
RESTART = Item(phase="containerd", task="Run containerd", what="restarts it", certainty=Certainty.DECLARED)


def document(*, spec_hash: str = "s", kernel: str = "6.1", **hosts: tuple[Item, ...]) -> Document:
    found = {name: HostPlan(items=items, facts={"kernel": kernel}) for name, items in hosts.items()}
    return Document(spec_hash=spec_hash, hosts=found or {"a": HostPlan(facts={"kernel": kernel})})


def test_the_hash_is_the_same_for_the_same_and_another_for_whatever_matters() -> None:
    plan = document(a=(ITEM,))
    again = msgspec.convert(msgspec.json.decode(msgspec.json.encode(plan)), Document)
    other_diff = msgspec.structs.replace(ITEM, diffs=(Diff(title="x", before="a", after="d"),))

    assert plans.plan_hash(again) == plans.plan_hash(plan)
    assert plans.is_hash(plans.plan_hash(plan))
    others = [
        document(a=(ITEM,), spec_hash="t"),
        document(a=(ITEM,), kernel="6.2"),
        document(a=(other_diff,)),
        document(a=(ITEM, RESTART)),
        document(b=(ITEM,)),
        document(a=()),
    ]
    assert len({plans.plan_hash(other) for other in [plan, *others]}) == 7


def test_findings_are_told_but_identify_nothing() -> None:
    well = document(a=(ITEM,))
    host = msgspec.structs.replace(well.hosts["a"], findings=(Finding(subject="a", problem="is not Ready"),))
    ill = msgspec.structs.replace(well, hosts={"a": host})

    assert plans.plan_hash(ill) == plans.plan_hash(well)
    assert not ill.is_empty
    assert "a is not Ready" in plans.drift_message(ill)


def test_what_is_learned_about_nodes_is_no_part_of_the_spec() -> None:
    node = NodeSpec(name="a", role=NodeRole.CONTROL_PLANE, ip_address="192.0.2.1", os_type=OsType.DEBIAN12)
    spec = ClusterSpec(
        id="i",
        name="yard",
        topology=Topology(ha=False, control_plane_count=1, worker_count=0),
        components=Components(
            kubernetes_version="1.36.4", cni="bridge", ingress="none", runtime="containerd"
        ),
        nodes=(node,),
        username="root",
    )

    def hash_with(**changes: Any) -> str:
        changed = msgspec.structs.replace(node, **changes)
        return plans.spec_hash(msgspec.structs.replace(spec, nodes=(changed,)))

    assert hash_with(host_keys=("ssh-ed25519 AAAA",), machine_id="m") == plans.spec_hash(spec)
    assert hash_with(ip_address="192.0.2.2") != plans.spec_hash(spec)


def test_a_stale_plan_says_which_host_and_what() -> None:
    planned = document(a=(ITEM,), b=())
    other = msgspec.structs.replace(ITEM, what="something else")

    assert plans.differences(planned, planned) == []
    assert plans.differences(planned, document(a=(), b=(RESTART,))) == [
        "a: Configure containerd is not needed any more",
        "b: Run containerd is needed now (restarts it)",
    ]
    assert plans.differences(planned, document(a=(other,), b=())) == [
        "a: Configure containerd would change something else now (something else)"
    ]
    assert plans.differences(planned, document(a=(ITEM,), b=(), kernel="6.2")) == [
        "a: kernel is 6.2, was 6.1",
        "b: kernel is 6.2, was 6.1",
    ]
    message = plans.stale_message(planned, document(a=(), b=()))
    assert "nothing was changed" in message
    assert "a: Configure containerd" in message


def test_figures_and_drift_in_one_sentence() -> None:
    plan = document(a=(ITEM, RESTART), b=())

    assert plan_text.figures(plan) == "2 changes on 1 of 2 nodes: 1 exact, 1 declared, 0 unknown."
    assert plan_text.figures(document()) == "Nothing would change on 1 node."
    assert plans.drift_message(document()) == ""
    assert plans.drift_message(plan) == (
        "2 differences from the spec: a: Configure containerd; a: Run containerd."
    )
    many = document(a=tuple(msgspec.structs.replace(ITEM, task=f"Task {n}") for n in range(20)))
    assert plans.drift_message(many).endswith("a: Task 7 and 12 more.")


def test_the_text_of_a_plan_has_sign_word_and_difference() -> None:
    text = plan_text.render(document(a=(ITEM, RESTART), b=()))

    assert text.splitlines() == [
        "a: 2 changes",
        "  ~ exact     containerd: Configure containerd",
        "      /etc/containerd/config.toml",
        "        @@ -1,2 +1,2 @@",
        "         a",
        "        -b",
        "        +c",
        "  + declared  containerd: Run containerd",
        "      restarts it",
        "",
        "b: no changes",
        "",
        "2 changes on 1 of 2 nodes: 1 exact, 1 declared, 0 unknown.",
    ]


@pytest.mark.parametrize(("all_lines", "count"), [(False, plan_text.LINES + 1), (True, 100)])
def test_a_long_difference_is_cut_unless_all_of_it_is_wanted(all_lines: bool, count: int) -> None:
    diff = Diff(title="new", after="line\n" * 100)

    lines = plan_text.diff_lines(diff, all_lines=all_lines)

    assert len(lines) == count
    assert lines[0] == "+line"


def test_one_hosts_part() -> None:
    plan = document(a=(ITEM,), b=())

    assert set(plans.only_host(plan, "a").hosts) == {"a"}
    assert plans.only_host(plan, "nix").hosts == {}
