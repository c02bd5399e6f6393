"""Rows of plans."""

from __future__ import annotations

import uuid
from datetime import datetime

import msgspec

from engine.domain.plans import Summary
from engine.store import database, records, rows

KEPT = 100  # of each cluster; a plan of a big cluster may have some hundred kilobytes


class PlanLine(msgspec.Struct, frozen=True, kw_only=True):
    """A plan without its document."""

    id: uuid.UUID
    job_id: uuid.UUID
    kind: str
    hash: str
    facts_hash: str
    summary: Summary
    created_at: datetime


async def add(plan: records.Plan) -> None:
    """Write a plan and drop the cluster's oldest ones beyond those that are kept."""
    await rows.insert("plan", plan)
    sql = """
        DELETE FROM plan WHERE id IN (
            SELECT id FROM plan WHERE cluster_id = $1 ORDER BY created_at DESC, id DESC OFFSET $2)"""
    await database.fetch(sql, plan.cluster_id, KEPT)


async def get(plan_id: uuid.UUID) -> records.Plan | None:
    """The plan with this id."""
    return await rows.one(records.Plan, "SELECT * FROM plan WHERE id = $1", plan_id)


async def of_job(job_id: uuid.UUID) -> records.Plan | None:
    """The plan that a job made."""
    return await rows.one(records.Plan, "SELECT * FROM plan WHERE job_id = $1", job_id)


async def by_hash(cluster_id: uuid.UUID, plan_hash: str) -> records.Plan | None:
    """The newest of a cluster's plans with this hash."""
    sql = """
        SELECT * FROM plan WHERE cluster_id = $1 AND hash = $2 ORDER BY created_at DESC, id DESC LIMIT 1"""
    return await rows.one(records.Plan, sql, cluster_id, plan_hash)


async def page(cluster_id: uuid.UUID, *, offset: int, limit: int) -> tuple[list[PlanLine], int]:
    """A cluster's plans without their documents, newest first, and how many in all."""
    sql = """
        SELECT id, job_id, kind, hash, facts_hash, summary, created_at FROM plan WHERE cluster_id = $1
        ORDER BY created_at DESC, id DESC OFFSET $2 LIMIT $3"""
    counted = await database.fetch_one("SELECT count(*) AS n FROM plan WHERE cluster_id = $1", cluster_id)
    assert counted is not None
    return await rows.many(PlanLine, sql, cluster_id, offset, limit), counted["n"]
