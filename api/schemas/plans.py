"""Bodies of the plan routes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from api.schemas.common import Reply
from engine.domain.plans import Diff as PlanDiff
from engine.domain.plans import HostPlan, Summary
from engine.domain.plans import Item as PlanItem

__all__ = ["Plan", "PlanDiff", "PlanItem", "PlanLine"]


class PlanLine(Reply):
    """A plan in a list. `kind` is `plan` or `verify`; `hash` is what `POST .../provision` applies it by."""

    id: str
    job_id: str
    kind: str
    hash: str
    facts_hash: str
    created_at: datetime
    summary: Summary


class Plan(PlanLine):
    """A whole plan: per host what would change, what is not right, and the facts that rests on."""

    cluster_id: str
    spec_hash: str
    hosts: Mapping[str, HostPlan]
