"""Shapes that every noun shares."""

from __future__ import annotations

import msgspec


class Request(msgspec.Struct, forbid_unknown_fields=True):
    """Base of request bodies: a member that we do not know is refused, never skipped."""


class Reply(msgspec.Struct):
    """Base of replies. Members may be added later, so that readers must not refuse unknown ones."""


class Page[T](Reply):
    """One page of a list."""

    total: int
    page: int
    page_size: int
    total_pages: int
    data: list[T]


class ExceptionBody(Request):
    """One item of a benchmark that is turned off, and why."""

    id: str
    reason: str


class TenantName(Reply):
    """Whose a thing is."""

    id: str
    slug: str
    name: str


class FieldError(Reply):
    """One wrong field of a request."""

    field: str
    message: str


class Problem(Reply):
    """Problem details (RFC 9457)."""

    title: str
    status: int
    detail: str
    correlation_id: str
    type: str = "about:blank"
    errors: list[FieldError] | msgspec.UnsetType = msgspec.UNSET


class Accepted(Reply):
    """What every request that starts a job answers."""

    message: str
    cluster_id: str
    job_id: str
