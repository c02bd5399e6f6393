"""Files that jobs left: the raw reports of scanners."""

from __future__ import annotations

import uuid
import zlib

from engine.domain.errors import NotFound
from engine.domain.permissions import Principal
from engine.services import audit_log, job_events
from engine.services.audit_log import Resource
from engine.services.identity import Caller
from engine.store import job_artifacts as rows
from engine.store.job_artifacts import ArtifactLine

__all__ = ["ACTION", "ArtifactLine", "content", "find", "of_job"]

ACTION = "job:artifact"


async def of_job(principal: Principal, job_id: uuid.UUID) -> list[ArtifactLine]:
    """A job's artifacts by name; raises NotFound."""
    await job_events.require(principal, job_id)
    return await rows.of_job(job_id)


async def find(principal: Principal, job_id: uuid.UUID, name: str) -> ArtifactLine:
    """One artifact without its content; raises NotFound."""
    found = next((line for line in await of_job(principal, job_id) if line.name == name), None)
    if found is None:
        raise _missing(job_id, name)
    return found


async def content(caller: Caller, job_id: uuid.UUID, name: str) -> bytes:
    """The file itself, told in the audit log. Who asks was checked by `find`. Raises NotFound."""
    found = await rows.get(job_id, name)
    if found is None:
        raise _missing(job_id, name)
    about = Resource("job", str(job_id))
    await audit_log.record(caller, ACTION, about, details={"name": name, "sha256": found.sha256})
    return zlib.decompress(found.content)


def _missing(job_id: uuid.UUID, name: str) -> NotFound:
    return NotFound(
        f"Job {job_id} has no artifact {name[:100]!r}.",
        remedy=f"GET /api/v1/jobs/{job_id}/artifacts lists those that are kept.",
    )
