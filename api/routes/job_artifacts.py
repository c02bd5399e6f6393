"""Files that a job left: what there is, and each as it was."""

from __future__ import annotations

from litestar import Response, Router, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath

from api import guards
from api.schemas.job_artifacts import Artifact
from engine.domain.permissions import Permission
from engine.services import job_artifacts, jobs

_READ = [guards.requires(Permission.JOB_READ), guards.known_query]
_MEDIA_TYPES = ("application/json", "application/xml", "text/plain")


@get("/{job_id:str}/artifacts", summary="Artifacts of a job", guards=_READ)
async def list_artifacts(request: guards.AnyRequest, job_id: FromPath[str]) -> list[Artifact]:
    """The raw reports that scanners left, by name; those of old reports are not kept."""
    found = await job_artifacts.of_job(guards.principal(request), jobs.parse_id(job_id))
    return [
        Artifact(
            name=line.name,
            media_type=line.media_type,
            size=line.size,
            sha256=line.sha256,
            created_at=line.created_at,
        )
        for line in found
    ]


@get(
    "/{job_id:str}/artifacts/{name:str}",
    summary="Download an artifact",
    media_type="application/octet-stream",
    guards=_READ,
    opt={"action": job_artifacts.ACTION, "files": _MEDIA_TYPES},
    responses={304: ResponseSpec(data_container=None, description="It is the one of If-None-Match")},
)
async def get_artifact(
    request: guards.AnyRequest, job_id: FromPath[str], name: FromPath[str]
) -> Response[bytes]:
    """The file as the scanner wrote it, without secrets. `ETag` is its SHA-256. Every download is written to
    the audit log.
    """
    job = jobs.parse_id(job_id)
    found = await job_artifacts.find(guards.principal(request), job, name)
    tag = f'"{found.sha256}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if _holds(request.headers.get("if-none-match", ""), tag):
        return Response(b"", status_code=304, headers=headers)
    content = await job_artifacts.content(guards.caller(request), job, found.name)
    headers["Content-Disposition"] = f'attachment; filename="{found.name}"'
    return Response(content, media_type=found.media_type, headers=headers)


def _holds(header: str, tag: str) -> bool:
    """Whether an If-None-Match names the tag, weakly or not."""
    named = [part.strip().removeprefix("W/") for part in header.split(",")]
    return tag in named or named == ["*"]


router = Router("/api/v1/jobs", route_handlers=[list_artifacts, get_artifact], tags=["Jobs"])
