"""Observed facts about a cluster, in the shape Kubernetes gave the word condition."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from datetime import datetime

import msgspec


class ConditionType(enum.StrEnum):
    """What is observed."""

    NODES_REACHABLE = "NodesReachable"
    CONTROL_PLANE_AVAILABLE = "ControlPlaneAvailable"
    WORKERS_READY = "WorkersReady"
    NETWORK_READY = "NetworkReady"
    KUBECONFIG_AVAILABLE = "KubeconfigAvailable"
    SPEC_APPLIED = "SpecApplied"  # the nodes are what the spec says, as verify jobs and provision jobs find


class ConditionStatus(enum.StrEnum):
    """Kubernetes' three answers; Unknown is the honest one when nobody looked."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """One observation; `last_transition_time` moves only when `status` does."""

    type: ConditionType
    status: ConditionStatus
    reason: str
    message: str = ""
    last_transition_time: datetime


def observe(conditions: Sequence[Condition], observed: Condition) -> list[Condition]:
    """The conditions with one observation merged in, ordered by type."""
    merged = {condition.type: condition for condition in conditions}
    previous = merged.get(observed.type)
    if previous is not None and previous.status == observed.status:
        observed = msgspec.structs.replace(observed, last_transition_time=previous.last_transition_time)
    merged[observed.type] = observed
    return [merged[kind] for kind in ConditionType if kind in merged]
