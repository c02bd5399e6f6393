"""A hardening report as a file: everything as JSON, a page to read and print, or SARIF for other tools."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import AsyncIterator, Sequence

import msgspec

from engine.domain.hardening import Outcome
from engine.domain.hardening_report import Result
from engine.services import audit_log, clusters, hardening_page, hardening_reports, hardening_sarif
from engine.services.audit_log import Resource
from engine.services.identity import Caller
from engine.store import hardening_reports as rows
from engine.store.hardening_records import HardeningReport

ACTION = "hardening:export"
FORMAT = "keelyard-hardening-report/1"
PAGE_POLICY = hardening_page.POLICY


class Format(enum.StrEnum):
    """What an export is written as."""

    JSON = "json"
    HTML = "html"
    SARIF = "sarif"


MEDIA_TYPES = {
    Format.JSON: "application/json",
    Format.HTML: "text/html",
    Format.SARIF: "application/sarif+json",
}


class File(msgspec.Struct, frozen=True, kw_only=True):
    """A file in pieces."""

    name: str
    media_type: str
    pieces: AsyncIterator[bytes]


class _Head(msgspec.Struct, frozen=True, kw_only=True):
    """Everything of a JSON export but its results."""

    format: str
    cluster: dict[str, str]
    report: dict[str, object]


async def export(caller: Caller, report: HardeningReport, form: Format) -> File:
    """A report as a file, told in the audit log. Who asks was checked by the caller.

    Raises NotFound when the results are not kept any more.
    """
    hardening_reports.require_kept(report)
    cluster = await clusters.find(str(report.cluster_id))
    about = Resource("hardening_report", str(report.id), cluster.name, tenant_id=report.tenant_id)
    await audit_log.record(caller, ACTION, about, details={"format": form.value})
    make = {Format.JSON: _json, Format.HTML: _html, Format.SARIF: _sarif}[form]
    return File(
        name=f"{cluster.name}-hardening-{report.created_at:%Y-%m-%d-%H%M}.{form.value}",
        media_type=MEDIA_TYPES[form],
        pieces=make(report, cluster.name),
    )


async def _json(report: HardeningReport, cluster: str) -> AsyncIterator[bytes]:
    described = {
        name: getattr(report, name)
        for name in ("id", "job_id", "job_type", "created_at", "score", "counts", "scanners", "hosts")
    }
    head = _Head(format=FORMAT, cluster={"id": str(report.cluster_id), "name": cluster}, report=described)
    yield msgspec.json.encode(head)[:-1] + b',"results":['
    separator = b""
    async for found in rows.every_result(report.id):
        yield separator + msgspec.json.encode(found)[1:-1]
        separator = b","
    yield b"]}\n"


async def _html(report: HardeningReport, cluster: str) -> AsyncIterator[bytes]:
    told = await _every(report)
    yield await asyncio.to_thread(hardening_page.render, report, cluster, told)


async def _sarif(report: HardeningReport, cluster: str) -> AsyncIterator[bytes]:
    told = await _every(report, hardening_sarif.TOLD)
    document = await asyncio.to_thread(hardening_sarif.document, report, cluster, told)
    yield msgspec.json.encode(document)


async def _every(report: HardeningReport, outcomes: Sequence[Outcome] | None = None) -> list[Result]:
    return [result async for found in rows.every_result(report.id, outcomes) for result in found]
