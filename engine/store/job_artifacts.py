"""Rows of jobs' artifacts."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime

import msgspec

from engine.store import database, hardening_records, rows


class ArtifactLine(msgspec.Struct, frozen=True, kw_only=True):
    """An artifact without its content."""

    name: str
    media_type: str
    size: int
    sha256: str
    created_at: datetime


async def add_many(artifacts: Sequence[hardening_records.JobArtifact]) -> None:
    """Write artifacts, one statement each: together they may be large."""
    for artifact in artifacts:
        await rows.insert("job_artifact", artifact)


async def of_job(job_id: uuid.UUID) -> list[ArtifactLine]:
    """A job's artifacts by name, without their content."""
    sql = """
        SELECT name, media_type, size, sha256, created_at FROM job_artifact
        WHERE job_id = $1 ORDER BY name"""
    return await rows.many(ArtifactLine, sql, job_id)


async def get(job_id: uuid.UUID, name: str) -> hardening_records.JobArtifact | None:
    """One artifact with its content."""
    sql = "SELECT * FROM job_artifact WHERE job_id = $1 AND name = $2"
    row = await database.fetch_one(sql, job_id, rows.storable(name))
    return None if row is None else hardening_records.JobArtifact(**row)
