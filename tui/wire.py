"""What the terminal reads from the API: the documented fields it shows, and no others.

Members it does not know are ignored and fields it can do without have defaults, so a terminal and a server of
neighbouring versions still understand each other.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec


class User(msgspec.Struct, frozen=True, kw_only=True):
    """Who is signed in."""

    email: str
    role: str
    full_name: str = ""


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to login and refresh; `expires_in` is in seconds."""

    access_token: str
    refresh_token: str
    expires_in: float
    user: User


class FieldProblem(msgspec.Struct, frozen=True, kw_only=True):
    """One wrong field of a request."""

    field: str = ""
    message: str = ""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """A problem document (RFC 9457)."""

    title: str = ""
    detail: str = ""
    correlation_id: str = ""
    errors: list[FieldProblem] = []


class Page[T](msgspec.Struct, frozen=True, kw_only=True):
    """One page of a list."""

    total: int
    page: int
    total_pages: int
    data: list[T]


class Topology(msgspec.Struct, frozen=True, kw_only=True):
    """How many nodes a cluster was asked to have."""

    ha: bool = False
    control_plane_count: int = 0
    worker_count: int = 0


class Components(msgspec.Struct, frozen=True, kw_only=True):
    """What a cluster is made of."""

    kubernetes_version: str = ""
    cni: str = ""
    ingress: str = ""
    runtime: str = ""


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """One observed fact about a cluster."""

    type: str
    status: str
    reason: str = ""
    message: str = ""
    last_transition_time: datetime | None = None


class Cluster(msgspec.Struct, frozen=True, kw_only=True):
    """A cluster as listed and as read."""

    id: str
    name: str
    status: str
    created_at: datetime
    description: str | None = None
    kubernetes_version: str | None = None
    topology: Topology = Topology()
    components: Components = Components()
    conditions: list[Condition] = []
    updated_at: datetime | None = None


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """A machine of a cluster."""

    id: str
    name: str
    role: str
    ip_address: str
    status: str
    ssh_port: int = 22
    os_type: str = ""
    kubernetes_version: str | None = None
    last_seen: datetime | None = None


class Phase(msgspec.Struct, frozen=True, kw_only=True):
    """A step of a job."""

    slug: str
    name: str
    status: str
    started_at: datetime | None = None
    finished_at: datetime | None = None


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One requested run on one cluster."""

    id: str
    type: str
    status: str
    cluster_id: str
    created_at: datetime
    cluster_name: str = ""
    created_by: str | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    phases: list[Phase] = []
    reason: str | None = None
    message: str | None = None
    retry_of: str | None = None


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to a request that starts, or ends, a job."""

    message: str = ""
    cluster_id: str | None = None
    job_id: str | None = None


class JobEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One fact of a job, numbered from 1; kinds are strings because a newer server may know more of them."""

    kind: str
    created_at: datetime
    sequence: int
    phase: str | None = None
    task: str | None = None
    role: str | None = None
    host: str | None = None
    message: str = ""
    duration_seconds: float | None = None
    data: dict[str, Any] = {}
