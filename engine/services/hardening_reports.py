"""Hardening reports: recorded at the end of a run that scanned, and read."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Self

import asyncpg
import msgspec

from engine.domain import hardening_report, hardening_rules, permissions, spec_rules
from engine.domain.errors import FieldProblem, InvalidSpec, NotFound
from engine.domain.hardening import HostScan, Item
from engine.domain.hardening_report import Change, Grounds, Judgement, Result
from engine.domain.permissions import Permission, Principal
from engine.domain.specs import ClusterSpec
from engine.domain.statuses import JobStatus
from engine.services import clusters
from engine.store import database, events, hardening_records, job_artifacts, jobs
from engine.store import hardening_reports as rows
from engine.store.hardening_records import HardeningReport
from engine.store.hardening_reports import Filters, ReportLine

__all__ = [
    "Difference",
    "Filters",
    "HardeningReport",
    "LeftFile",
    "ReportLine",
    "Scan",
    "Whole",
    "difference",
    "get",
    "judged",
    "latest",
    "page",
    "parse_id",
    "record",
    "require_kept",
    "results",
]

DEFAULT_KEPT = 10


class LeftFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that a run left, packed to be kept as an artifact of its job."""

    name: str
    media_type: str
    size: int
    sha256: str
    packed: bytes

    @classmethod
    def of(cls, name: str, media_type: str, content: bytes) -> Self:
        """A file of this content, which is not held on to: those of many nodes together are large."""
        return cls(
            name=name,
            media_type=media_type,
            size=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            packed=zlib.compress(content),
        )


class Scan(msgspec.Struct, frozen=True, kw_only=True):
    """What a run found out about a cluster's nodes, and the files that it rests on."""

    judgement: Judgement
    files: Sequence[LeftFile] = ()


class Whole(msgspec.Struct, frozen=True, kw_only=True):
    """A report with the names of the artifacts of its job."""

    report: HardeningReport
    artifacts: list[str]


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """What changed from one report to a later one."""

    before: HardeningReport
    after: HardeningReport
    changes: list[Change]


def judged(
    scans: Iterable[HostScan],
    spec: ClusterSpec,
    catalogue: Mapping[str, Item],
    unseen: Mapping[str, str],
) -> Judgement:
    """Scans of a cluster judged by its own exceptions, the catalogue, and what a lab cannot show.

    `unseen` says of every node why there may be no scan of it.
    """
    grounds = Grounds(
        hosts={node.name: node.os_type for node in spec.nodes},
        catalogue=catalogue,
        switched_on=hardening_rules.switched_on(spec.hardening),
        level=spec.hardening.level,
        exceptions={each.id: each.reason for each in spec.hardening.exceptions},
        lab=spec.lab,
    )
    return hardening_report.judge(hardening_report.with_unseen(scans, unseen), grounds)


async def record(job_id: uuid.UUID, attempt: int, scan: Scan, *, keep: int = DEFAULT_KEPT) -> uuid.UUID:
    """Write what a run found with the files it left, all or nothing; returns the report's id.

    Recording again for the same job gives the report that is there. Raises events.Fenced when the job is not
    run by this attempt any more. Of older reports of the cluster only `keep` - 1 keep their results.
    """
    judgement = scan.judgement
    try:
        async with database.transaction():
            if (existing := await rows.id_of_job(job_id)) is not None:
                return existing
            job = await jobs.get(job_id)
            if job is None:
                raise events.Fenced(f"There is no job {job_id}.")
            report = HardeningReport(
                tenant_id=job.tenant_id,
                cluster_id=job.cluster_id,
                job_id=job.id,
                job_type=job.type.value,
                score=judgement.score,
                counts=judgement.counts,
                scanners=judgement.scanners,
                hosts=judgement.hosts,
            )
            await rows.add(report, judgement.results)
            await job_artifacts.add_many([_artifact(job_id, file) for file in scan.files])
            await rows.drop_old(job.cluster_id, keep)
            # Locked last and briefly, so that the lease can be renewed while much is written.
            job = await jobs.get(job_id, lock=True)
            if job is None or job.attempt != attempt or job.status is not JobStatus.RUNNING:
                raise events.Fenced(f"Job {job_id} is not run by attempt {attempt} any more.")
            return report.id
    except asyncpg.UniqueViolationError:  # the same was recorded in the same moment
        existing = await rows.id_of_job(job_id)
        assert existing is not None
        return existing


def _artifact(job_id: uuid.UUID, file: LeftFile) -> hardening_records.JobArtifact:
    return hardening_records.JobArtifact(
        job_id=job_id,
        name=file.name,
        media_type=file.media_type,
        size=file.size,
        sha256=file.sha256,
        content=file.packed,
    )


def parse_id(text: str) -> uuid.UUID:
    """The id that a path names; raises NotFound for what cannot be one."""
    if not spec_rules.is_uuid(text):
        raise _missing(text)
    return uuid.UUID(text)


async def page(
    principal: Principal, reference: str, *, page: int, page_size: int
) -> tuple[list[ReportLine], int]:
    """A cluster's reports, newest first, and how many in all; raises NotFound."""
    permissions.require(principal, Permission.CLUSTER_READ)
    cluster = await clusters.find(reference)
    return await rows.page(cluster.id, offset=(page - 1) * page_size, limit=page_size)


async def latest(cluster_id: uuid.UUID) -> ReportLine | None:
    """The newest report of a cluster."""
    found, _ = await rows.page(cluster_id, offset=0, limit=1)
    return found[0] if found else None


async def get(principal: Principal, report_id: uuid.UUID) -> Whole:
    """A report; raises NotFound."""
    report = await _report(principal, report_id)
    artifacts = await job_artifacts.of_job(report.job_id)
    return Whole(report=report, artifacts=[artifact.name for artifact in artifacts])


async def results(
    principal: Principal, report_id: uuid.UUID, filters: Filters, *, page: int, page_size: int
) -> tuple[list[Result], int]:
    """Results of a report and how many fit the filters; raises NotFound, also when they are not kept."""
    report = require_kept(await _report(principal, report_id))
    return await rows.results(report.id, filters, offset=(page - 1) * page_size, limit=page_size)


async def difference(principal: Principal, report_id: uuid.UUID, against: uuid.UUID | None) -> Difference:
    """What changed since an earlier report of the same cluster, by default the one before.

    Raises NotFound when there is none or its results are not kept, and InvalidSpec for one that is not
    earlier.
    """
    after = require_kept(await _report(principal, report_id))
    if against is None:
        earlier = await rows.before(after)
        if earlier is None:
            raise NotFound(
                f"Report {after.id} is the first of its cluster: there is nothing to compare with."
            )
    else:
        earlier = await _report(principal, against)
        if earlier.cluster_id != after.cluster_id:
            raise InvalidSpec([FieldProblem("against", "is a report of another cluster")])
        if (earlier.created_at, earlier.id) > (after.created_at, after.id):
            raise InvalidSpec([FieldProblem("against", "is the later report: compare the other way round")])
    then, now = await rows.outcomes(require_kept(earlier).id), await rows.outcomes(after.id)
    changes = await asyncio.to_thread(hardening_report.changes, then, now)
    return Difference(before=earlier, after=after, changes=changes)


def require_kept(report: HardeningReport) -> HardeningReport:
    """The report when its results are still there; raises NotFound."""
    if not report.kept:
        raise NotFound(
            f"The results of report {report.id} are not kept any more; its summary is.",
            remedy="HARDENING_REPORTS_KEPT says how many of a cluster's reports keep them.",
        )
    return report


async def _report(principal: Principal, report_id: uuid.UUID) -> HardeningReport:
    permissions.require(principal, Permission.CLUSTER_READ)
    found = await rows.get(report_id)
    if found is None:
        raise _missing(str(report_id))
    return found


def _missing(reference: str) -> NotFound:
    return NotFound(f"There is no hardening report {reference[:100]!r}.")
