"""Bodies of the plan routes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from api.schemas.common import Reply
from engine.domain import plan_text
from engine.domain.plans import Diff as PlanDiff
from engine.domain.plans import Document, HostPlan, Summary
from engine.domain.plans import Item as PlanItem

__all__ = ["Plan", "PlanDiff", "PlanItem", "PlanLine", "as_text", "is_empty"]


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


def as_text(plan: Plan, *, all_lines: bool = False) -> str:
    """A whole plan for people, ending in a line with its figures; long diffs whole only when asked."""
    return plan_text.render(_document(plan), all_lines=all_lines)


def is_empty(plan: Plan) -> bool:
    """Whether nothing would change and nothing is wrong."""
    return _document(plan).is_empty


def _document(plan: Plan) -> Document:
    return Document(spec_hash=plan.spec_hash, hosts=plan.hosts)
