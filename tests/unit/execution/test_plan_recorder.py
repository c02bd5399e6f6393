"""Plans out of check-mode events: certainty, what is never passed over, and secrets."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from engine.domain.plans import Certainty, HostPlan, Item
from engine.execution import plan_recorder
from engine.execution.plan import Phase
from engine.execution.plan_recorder import PlanRecorder
from engine.execution.redaction import Redactor

PHASE = Phase("prepare", "Prepare the nodes", "all")
CANARY = "canary-7f3a9c"


def event(result: dict[str, Any], kind: str = "runner_on_ok", **data: Any) -> dict[str, Any]:
    return {"event": kind, "event_data": {"host": "a", "task": "Do it", "role": "r", "res": result, **data}}


def recorded(*events: dict[str, Any], secrets: tuple[str, ...] = ()) -> HostPlan:
    recorder = PlanRecorder(Redactor(secrets), ["a", "b"])
    for raw in events:
        recorder.observe(raw, PHASE)
    plan = recorder.plan()
    assert set(plan) == {"a", "b"}
    assert plan["b"] == HostPlan()
    return plan["a"]


def one(*events: dict[str, Any], secrets: tuple[str, ...] = ()) -> Item:
    (item,) = recorded(*events, secrets=secrets).items
    return item


def test_a_change_that_was_looked_at_is_exact() -> None:
    diff = {"before_header": "/etc/x", "after_header": "/etc/x", "before": "1\n", "after": "2\n"}

    item = one(event({"changed": True, "diff": [diff]}))

    assert (item.certainty, item.phase, item.task, item.what) == (
        Certainty.EXACT,
        "prepare",
        "Do it",
        "/etc/x",
    )
    assert (item.diffs[0].before, item.diffs[0].after) == ("1\n", "2\n")


def test_what_a_role_declares_is_declared() -> None:
    item = one(event({"changed": True, "declared": "runs kubeadm init"}))

    assert (item.certainty, item.what) == (Certainty.DECLARED, "runs kubeadm init")


@pytest.mark.parametrize(
    "result",
    [
        {"skipped": True, "changed": True, "msg": "Command would have run if not in check mode"},
        {"skipped": True, "msg": "remote module (x) does not support check mode"},
        {"skipped": True, "skip_reason": "Check mode is not supported for this operation."},
    ],
)
def test_what_check_mode_leaves_out_is_unknown_and_never_silent(result: dict[str, Any]) -> None:
    for kind in ("runner_on_skipped", "runner_on_ok"):
        assert one(event(result, kind)).certainty is Certainty.UNKNOWN


def test_what_its_condition_leaves_out_and_what_is_unchanged_are_no_items() -> None:
    skipped = event(
        {"skipped": True, "skip_reason": "Conditional result was False", "changed": False},
        "runner_on_skipped",
    )

    assert (
        recorded(skipped, event({"changed": False}), event({"changed": True}, "runner_on_failed")).items == ()
    )


def test_a_loop_is_one_item_as_certain_as_its_least_certain_part() -> None:
    results = [
        {"changed": True, "_ansible_item_label": "one", "diff": {"after_header": "one", "after": "1\n"}},
        {"changed": False, "_ansible_item_label": "two"},
        {"skipped": True, "msg": "Command would have run if not in check mode"},
    ]

    item = one(event({"changed": True, "results": results}))

    assert item.certainty is Certainty.UNKNOWN
    assert len(item.diffs) == 1
    assert item.what.startswith("one; cannot be told")


def test_a_hidden_result_is_unknown_and_stays_hidden() -> None:
    hidden = event({"censored": "no_log"}) | {"stdout": "changed: [a]"}
    unchanged = event({"censored": "no_log"}) | {"stdout": "ok: [a]"}

    item = one(hidden, unchanged)

    assert item.certainty is Certainty.UNKNOWN
    assert "no_log" in item.what
    assert item.diffs == ()


@pytest.mark.parametrize(
    "line",
    [
        f"password: {CANARY}",
        f'"token": "{CANARY}"',
        f"secret_key={CANARY} and more",
        f"HTTPS_PROXY=http://user:{CANARY}@proxy.example:3128",
        f"-----BEGIN RSA PRIVATE KEY-----\n{CANARY}\n-----END RSA PRIVATE KEY-----",
        f"client-key-data: {CANARY}",
    ],
)
def test_no_secret_is_left_in_a_diff(line: str) -> None:
    plan = recorded(
        event({"changed": True, "diff": {"before": f"{line}\nold\n", "after": "new\n"}}),
        event({"changed": True, "diff": {"prepared": f"-{line}\n+new\n"}}),
        event({"changed": True, "diff": {"before": {"conf": line}, "after": {}}}),
    )

    assert CANARY not in json.dumps(msgspec.to_builtins(plan))
    assert "old" in plan.items[0].diffs[0].before


def test_a_runs_own_secrets_are_left_nowhere() -> None:
    secret = "correct horse battery staple"
    plan = recorded(
        event({"changed": True, "declared": f"says {secret}", "diff": {"before": "", "after": secret}}),
        event({"changed": False, "findings": [{"subject": secret, "problem": secret}]}),
        event({"machine_id": secret}, task_action="node_facts"),
        secrets=(secret,),
    )

    assert secret not in json.dumps(msgspec.to_builtins(plan))


def test_a_difference_in_a_secret_alone_is_told_as_such() -> None:
    item = one(event({"changed": True, "diff": {"before": "token: abc1\n", "after": "token: abc2\n"}}))

    assert item.diffs[0].note == "differs only in what is redacted"


def test_long_diffs_keep_what_differs_and_say_that_they_were_cut() -> None:
    shared = "".join(f"line {number}\n" for number in range(5000))
    plans = [
        one(event({"changed": True, "diff": {"before": f"{shared}old\n", "after": f"{shared}{end}\n"}}))
        for end in ("new", "newer")
    ]
    diff = plans[0].diffs[0]

    assert len(diff.before) + len(diff.after) < 200
    assert diff.before.endswith("old")
    assert diff.after.endswith("new")
    assert "shortened" in diff.note
    assert plans[0] != plans[1]


def test_an_item_with_too_many_diffs_keeps_the_first_ones() -> None:
    each = {"before": "", "after": "x" * plan_recorder.SIDE_LIMIT}
    diffs = [{**each, "after_header": f"file {number}"} for number in range(10)]

    item = one(event({"changed": True, "diff": diffs}))

    assert len(item.diffs) == 10
    assert sum(len(diff.after) for diff in item.diffs) <= plan_recorder.ITEM_LIMIT
    assert "left out" in item.diffs[-1].note


def test_facts_and_findings_are_kept_and_volatile_facts_are_not() -> None:
    plan = recorded(
        event(
            {"machine_id": "m", "kernel": "6.1", "apiserver_ready": True, "routes": []},
            task_action="node_facts",
        ),
        event({"machine_id": "m", "kernel": "later"}, task_action="node_facts"),
        event({"changed": False, "findings": [{"subject": "a", "problem": "is not Ready"}]}),
    )

    assert plan.facts["kernel"] == "6.1"
    assert "apiserver_ready" not in plan.facts
    assert "routes" not in plan.facts
    assert plan.findings[0].problem == "is not Ready"
