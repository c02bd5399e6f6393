"""Observed facts about a cluster, in the shape Kubernetes gave the word condition."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

CERTIFICATE_DAYS = 30  # certificates that are valid for less than that do not count as valid any more
EXPIRES_SOON, EXPIRED = "ExpiresSoon", "Expired"  # reasons


class ConditionType(enum.StrEnum):
    """What is observed."""

    NODES_REACHABLE = "NodesReachable"
    NODES_HARDENED = "NodesHardened"  # as far as it is asked for, as the last harden job or scan found them
    CONTROL_PLANE_AVAILABLE = "ControlPlaneAvailable"
    WORKERS_READY = "WorkersReady"
    NETWORK_READY = "NetworkReady"
    KUBECONFIG_AVAILABLE = "KubeconfigAvailable"
    SPEC_APPLIED = "SpecApplied"  # the nodes are what the spec says, as verify jobs and provision jobs find
    CERTIFICATES_VALID = "CertificatesValid"  # those of the control planes, and for some time to come


class ConditionStatus(enum.StrEnum):
    """Kubernetes' three answers; Unknown is the honest one when nobody looked."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """One observation; `last_transition_time` moves only when `status` does.

    `expires_at` is when what was observed ends by itself; read such an observation with `seen_at`.
    """

    type: ConditionType
    status: ConditionStatus
    reason: str
    message: str = ""
    last_transition_time: datetime
    expires_at: datetime | None = None


def seen_at(condition: Condition, now: datetime) -> Condition:
    """What an observation amounts to at a later time, when nobody has looked since."""
    if condition.expires_at is None or condition.status is ConditionStatus.UNKNOWN:
        return condition
    warned_at = condition.expires_at - timedelta(days=CERTIFICATE_DAYS)
    if now < warned_at:
        return condition
    since = warned_at if condition.status is ConditionStatus.TRUE else condition.last_transition_time
    reason = EXPIRED if now >= condition.expires_at else EXPIRES_SOON
    return msgspec.structs.replace(
        condition, status=ConditionStatus.FALSE, reason=reason, last_transition_time=since
    )


def observe(conditions: Sequence[Condition], observed: Condition) -> list[Condition]:
    """The conditions with one observation merged in, ordered by type."""
    merged = {condition.type: condition for condition in conditions}
    previous = merged.get(observed.type)
    if previous is not None and previous.status == observed.status:
        observed = msgspec.structs.replace(observed, last_transition_time=previous.last_transition_time)
    merged[observed.type] = observed
    return [merged[kind] for kind in ConditionType if kind in merged]
