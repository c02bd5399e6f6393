"""Bodies of the routes of jobs' artifacts."""

from __future__ import annotations

from datetime import datetime

from api.schemas.common import Reply


class Artifact(Reply):
    """A file that a job left. `size` in bytes; `sha256` in hexadecimal digits."""

    name: str
    media_type: str
    size: int
    sha256: str
    created_at: datetime
