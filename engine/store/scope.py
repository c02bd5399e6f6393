"""Which tenants the present task may see: the one place where tenancy begins.

The scope goes with every statement to PostgreSQL (`database`), whose row level policies (see the migration of
tenants) keep rows of other tenants out of every answer and every change. Outside a request nothing is set,
and everything is seen: workers, supervisors and the command line serve all tenants.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator
from contextvars import ContextVar

import msgspec

from engine.domain.errors import FieldProblem, Forbidden, InvalidSpec

DEFAULT_TENANT = uuid.UUID("00000000-0000-0000-0000-000000000001")
SETTING = "keelyard.tenants"  # what the policies read: empty = everything, "-" = nothing, or ids
_EVERYTHING, _NOTHING = "", "-"


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """What may be seen, and where new things go."""

    tenants: frozenset[uuid.UUID] | None  # None = all of them
    home: uuid.UUID | None  # the tenant of new things; None when it has to be named

    def holds(self, tenant_id: uuid.UUID) -> bool:
        """Whether what is this tenant's may be seen."""
        return self.tenants is None or tenant_id in self.tenants

    @property
    def setting(self) -> str:
        """The scope as the policies read it."""
        if self.tenants is None:
            return _EVERYTHING
        return ",".join(sorted(map(str, self.tenants))) or _NOTHING


EVERYTHING = Scope(tenants=None, home=DEFAULT_TENANT)
NOTHING = Scope(tenants=frozenset(), home=None)

_current: ContextVar[Scope] = ContextVar("tenant-scope", default=EVERYTHING)


def current() -> Scope:
    """The scope of this task."""
    return _current.get()


@contextlib.contextmanager
def within(scope: Scope) -> Iterator[None]:
    """Statements of the block, and of tasks that it starts, see only this."""
    token = _current.set(scope)
    try:
        yield
    finally:
        _current.reset(token)


@contextlib.contextmanager
def everything() -> Iterator[None]:
    """For what concerns the whole installation: addresses in use, load of workers, measurements."""
    with within(EVERYTHING):
        yield


def for_new() -> uuid.UUID:
    """The tenant of a new thing.

    Raises InvalidSpec when the caller has to choose it, and Forbidden for one without any.
    """
    scope = current()
    if scope.home is not None:
        return scope.home
    if not scope.tenants:
        raise Forbidden("This account is a member of no tenant.", remedy="Ask an administrator.")
    raise InvalidSpec([FieldProblem("X-Tenant-ID", "must name one of your tenants: you are in several")])
