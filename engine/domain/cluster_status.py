"""What a cluster, its conditions and its nodes are, derived from facts. Decided nowhere else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from engine.domain.conditions import Condition, ConditionStatus, ConditionType, observe, seen_at
from engine.domain.specs import Hardening
from engine.domain.statuses import STATUS_JOBS, ClusterStatus, JobStatus, JobType, NodeStatus

NOT_WANTED, CHANGED = "NotWanted", "SettingsChanged"  # reasons
_OFF = "No benchmark is switched on."


class HostResult(msgspec.Struct, frozen=True, kw_only=True):
    """How a run left one node."""

    failed: bool = False
    unreachable: bool = False


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """One of a node's own certificates, called as kubeadm calls it."""

    name: str
    expires_at: datetime


class EndedRun(msgspec.Struct, frozen=True, kw_only=True):
    """What is known when a run has ended. `hosts` holds the nodes that the run worked on."""

    job_type: JobType
    status: JobStatus
    hosts: Mapping[str, HostResult]
    at: datetime
    through: frozenset[str] = frozenset()  # nodes that the run before a retry had brought through
    kubeconfig: bool = False  # the run left a kubeconfig
    refused: bool = False  # it failed before it changed anything, on purpose
    drift: str | None = (
        None  # of a verify run: what differs from the spec; empty = nothing, None = not found out
    )
    certificates: Mapping[str, tuple[Certificate, ...]] = {}  # of the control planes it looked at
    hardening: Hardening = Hardening()  # what was asked for
    failing: Mapping[str, int] | None = None  # results that no reason excuses, by scanner; None: not scanned


def derive(
    *,
    deleted: bool,
    provisioned: bool,
    active: JobType | None,
    last: tuple[JobType, JobStatus] | None,
) -> ClusterStatus:
    """A cluster's status.

    Args:
        deleted: it was soft-deleted.
        provisioned: Keelyard holds its kubeconfig: it was provisioned and not deprovisioned since.
        active: type of the job that runs, or else of the next queued one; of `STATUS_JOBS` only.
        last: type and status of the last job of `STATUS_JOBS` that had started and ended.
    """
    if deleted:
        return ClusterStatus.DELETED
    if active is JobType.PROVISION:
        return ClusterStatus.RUNNING if provisioned else ClusterStatus.PROVISIONING
    if last is None:
        return ClusterStatus.PENDING
    if last[1] is not JobStatus.SUCCESS:
        return ClusterStatus.FAILED
    return ClusterStatus.RUNNING if last[0] is JobType.PROVISION else ClusterStatus.PENDING


def node_status(current: NodeStatus, name: str, run: EndedRun) -> NodeStatus:
    """A node's status after a run."""
    if run.job_type not in STATUS_JOBS:
        return current
    result = run.hosts.get(name)
    if result is not None and (result.failed or result.unreachable):
        return NodeStatus.FAILED
    if run.status is JobStatus.SUCCESS and (result is not None or name in run.through):
        return NodeStatus.READY if run.job_type is JobType.PROVISION else NodeStatus.PENDING
    # The run ended before this node was through, for a reason that lies elsewhere.
    return NodeStatus.PENDING if current is NodeStatus.PROVISIONING else current


def conditions(before: Sequence[Condition], run: EndedRun) -> list[Condition]:
    """A cluster's conditions after a run. What it did not look at stays, or is Unknown at first."""
    if run.job_type is JobType.PLAN or run.refused:
        return list(before)
    if run.job_type is JobType.VERIFY:
        return _observed(before, [_reachable(run), *_drift(run), *_certificates(run)])
    known = {condition.type for condition in before}
    hardened = _hardened(run, known=ConditionType.NODES_HARDENED in known)
    if run.job_type not in STATUS_JOBS:
        return _observed(before, [_reachable(run), *hardened, *_caught_up(before, run), *_certificates(run)])
    observed = [_reachable(run), *hardened, *_cluster_conditions(known, run), *_certificates(run)]
    return _observed(before, [*observed, _applied(run)])


def hardening_changed(before: Sequence[Condition], asked: Hardening, at: datetime) -> list[Condition]:
    """A cluster's conditions once other hardening is asked for: what was observed was about the old one."""
    seen = {condition.type: condition for condition in before}
    changed = Condition(
        type=ConditionType.NODES_HARDENED,
        status=ConditionStatus.UNKNOWN,
        reason=CHANGED,
        message="The hardening that is asked for has changed since anybody looked.",
        last_transition_time=at,
    )
    after = list(before)
    applied = seen.get(ConditionType.SPEC_APPLIED)
    if applied is not None and applied.status is ConditionStatus.TRUE:
        after = observe(after, msgspec.structs.replace(changed, type=ConditionType.SPEC_APPLIED))
    if asked.wanted and seen:  # of a cluster that no job has worked on, nothing is known yet
        after = observe(after, changed)
    elif changed.type in seen:
        off = {"status": ConditionStatus.FALSE, "reason": NOT_WANTED, "message": _OFF}
        after = observe(after, msgspec.structs.replace(changed, **off))
    return after


def _observed(before: Sequence[Condition], observed: Sequence[Condition]) -> list[Condition]:
    after = list(before)
    for condition in observed:
        after = observe(after, condition)
    return after


def _drift(run: EndedRun) -> list[Condition]:
    """What a verify run says; one that did not get through says nothing."""
    if run.status is not JobStatus.SUCCESS or run.drift is None:
        return []
    kind = ConditionType.SPEC_APPLIED
    if run.drift:
        return [_condition(kind, ConditionStatus.FALSE, "Drift", run.drift, run)]
    return [_condition(kind, ConditionStatus.TRUE, "Verified", "", run)]


def _certificates(run: EndedRun) -> list[Condition]:
    """What the first certificate to expire says; a run that saw none says nothing."""
    kind = ConditionType.CERTIFICATES_VALID
    if run.job_type is JobType.DEPROVISION:
        if run.status is not JobStatus.SUCCESS:
            return []
        return [_condition(kind, ConditionStatus.FALSE, "Deprovisioned", "", run)]
    found = [(each.expires_at, node, each) for node, all_ in run.certificates.items() for each in all_]
    if not found:
        return []
    expires_at, node, first = min(found, key=lambda one: (one[0], one[1], one[2].name))
    message = f"First to expire: {first.name} on {node}, {expires_at:%Y-%m-%d}."
    seen = _condition(kind, ConditionStatus.TRUE, "Verified", message, run)
    return [seen_at(msgspec.structs.replace(seen, expires_at=expires_at), run.at)]


def _hardened(run: EndedRun, *, known: bool) -> list[Condition]:
    """What scanners found where they looked, else what was applied. Nothing is said where nobody asked."""
    kind, done = ConditionType.NODES_HARDENED, run.status is JobStatus.SUCCESS
    if run.job_type is JobType.DEPROVISION:
        gone = known and done
        return [_condition(kind, ConditionStatus.FALSE, "Deprovisioned", "", run)] if gone else []
    if not run.hardening.wanted:
        return [_condition(kind, ConditionStatus.FALSE, NOT_WANTED, _OFF, run)] if known else []
    if not done and run.job_type is not JobType.SCAN:
        message = f"The last {run.job_type.value} job did not get through."
        return [_condition(kind, ConditionStatus.UNKNOWN, "NotFinished", message, run)]
    if run.failing is not None:
        counts = [f"{scanner}: {count}" for scanner, count in sorted(run.failing.items()) if count]
        if counts:
            message = f"Results that fail without a reason: {', '.join(counts)}."
            return [_condition(kind, ConditionStatus.FALSE, "ItemsFail", message, run)]
        return [_condition(kind, ConditionStatus.TRUE, "Scanned", "Nothing fails without a reason.", run)]
    if run.job_type not in (JobType.PROVISION, JobType.HARDEN):
        return []
    return [_condition(kind, ConditionStatus.TRUE, "Applied", "", run)]


def _caught_up(before: Sequence[Condition], run: EndedRun) -> list[Condition]:
    """A harden job makes the nodes what the spec says when other hardening was all they lacked."""
    kind = ConditionType.SPEC_APPLIED
    lacking = any(condition.type is kind and condition.reason == CHANGED for condition in before)
    if run.job_type is JobType.HARDEN and run.status is JobStatus.SUCCESS and lacking:
        return [_condition(kind, ConditionStatus.TRUE, "Applied", "", run)]
    return []


def _applied(run: EndedRun) -> Condition:
    kind = ConditionType.SPEC_APPLIED
    if run.status is not JobStatus.SUCCESS:
        message = f"The last {run.job_type.value} job did not get through."
        return _condition(kind, ConditionStatus.UNKNOWN, "NotFinished", message, run)
    if run.job_type is JobType.PROVISION:
        return _condition(kind, ConditionStatus.TRUE, "Applied", "", run)
    return _condition(kind, ConditionStatus.FALSE, "Deprovisioned", "", run)


def _reachable(run: EndedRun) -> Condition:
    silent = sorted(name for name, result in run.hosts.items() if result.unreachable)
    if silent:
        message = f"No answer from {', '.join(silent)}."
        return _condition(
            ConditionType.NODES_REACHABLE, ConditionStatus.FALSE, "NodesUnreachable", message, run
        )
    if run.hosts:
        return _condition(ConditionType.NODES_REACHABLE, ConditionStatus.TRUE, "NodesAnswered", "", run)
    message = "The last run ended before any node was asked."
    return _condition(ConditionType.NODES_REACHABLE, ConditionStatus.UNKNOWN, "NotObserved", message, run)


_OF_THE_CLUSTER = (
    ConditionType.CONTROL_PLANE_AVAILABLE,
    ConditionType.WORKERS_READY,
    ConditionType.NETWORK_READY,
)


def _cluster_conditions(known: set[ConditionType], run: EndedRun) -> list[Condition]:
    kubeconfig = ConditionType.KUBECONFIG_AVAILABLE
    if run.status is JobStatus.SUCCESS and run.job_type is JobType.PROVISION:
        verified = [_condition(kind, ConditionStatus.TRUE, "Verified", "", run) for kind in _OF_THE_CLUSTER]
        held = ConditionStatus.TRUE if run.kubeconfig else ConditionStatus.FALSE
        return [
            *verified,
            _condition(kubeconfig, held, "Stored" if run.kubeconfig else "NotDelivered", "", run),
        ]
    if run.status is JobStatus.SUCCESS:
        kinds = (*_OF_THE_CLUSTER, kubeconfig)
        return [_condition(kind, ConditionStatus.FALSE, "Deprovisioned", "", run) for kind in kinds]
    first_time = [kind for kind in (*_OF_THE_CLUSTER, kubeconfig) if kind not in known]
    message = "No run has got far enough to tell."
    return [_condition(kind, ConditionStatus.UNKNOWN, "NotObserved", message, run) for kind in first_time]


def _condition(
    kind: ConditionType, status: ConditionStatus, reason: str, message: str, run: EndedRun
) -> Condition:
    return Condition(type=kind, status=status, reason=reason, message=message, last_transition_time=run.at)
