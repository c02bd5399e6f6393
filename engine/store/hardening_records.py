"""Rows of hardening reports and of jobs' artifacts as plain values."""

from __future__ import annotations

import uuid
from datetime import datetime

import msgspec
from msgspec import field

from engine.domain.hardening_report import Counts, HostSummary, ScannerSummary
from engine.store import scope
from engine.store.records import now


class HardeningReport(msgspec.Struct, frozen=True, kw_only=True):
    """What scanners found on a cluster's nodes; its results are read on their own."""

    cluster_id: uuid.UUID
    job_id: uuid.UUID
    job_type: str
    score: float | None
    counts: Counts
    scanners: tuple[ScannerSummary, ...]
    hosts: tuple[HostSummary, ...]
    kept: bool = True  # whether its results and the job's artifacts are still there
    tenant_id: uuid.UUID = field(default_factory=scope.for_new)
    id: uuid.UUID = field(default_factory=uuid.uuid4)
    created_at: datetime = field(default_factory=now)


class JobArtifact(msgspec.Struct, frozen=True, kw_only=True):
    """A file that a job left; `size` and `sha256` are the file's, `content` is compressed by zlib."""

    job_id: uuid.UUID
    name: str
    media_type: str
    size: int
    sha256: str
    content: bytes
    id: uuid.UUID = field(default_factory=uuid.uuid4)
    created_at: datetime = field(default_factory=now)

    def __repr__(self) -> str:
        return f"JobArtifact(job_id={self.job_id}, name={self.name!r}, ...)"
