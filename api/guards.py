"""Who may call a route, decided before its body is read; and which query parameters it knows.

Guards are coroutines although they wait for nothing: Litestar runs plain functions in a thread each.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import msgspec
from litestar import Request
from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler
from litestar.types import Guard

from api import parameters
from engine.domain import permissions
from engine.domain.errors import FieldProblem, Forbidden, InvalidSpec, NotFound, Unauthenticated
from engine.domain.permissions import Permission, Principal
from engine.services.identity import Caller

Connection = ASGIConnection[Any, Any, Any, Any]
AnyRequest = Request[Any, Any, Any]
_PERMISSION = "permission"

CSRF_REFUSED = (
    "This request came with a browser's cookies, but without the X-CSRF-Token of its session, or from a page"
    " of another site."
)


async def authenticated(connection: Connection, _: BaseRouteHandler) -> None:
    """Any caller with a good token."""
    require_principal(connection)


def require_principal(connection: Connection) -> Principal:
    """The caller with a good token; raises Unauthenticated, and NotFound for a tenant that is not its own."""
    if connection.scope.get("csrf_refused"):
        raise Forbidden(CSRF_REFUSED)
    if connection.scope.get("user") is None:
        refused = connection.scope.get("refused_token")
        raise Unauthenticated(
            str(refused) if refused else "This request needs an access token.",
            remedy="" if refused else "Send it as: Authorization: Bearer <token>.",
        )
    if (refused_tenant := connection.scope.get("refused_tenant")) is not None:
        raise cast("NotFound", refused_tenant)
    return cast("Principal", connection.scope["user"])


def requires(permission: Permission) -> Guard:
    """A caller whose roles grant a permission."""

    async def guard(connection: Connection, _: BaseRouteHandler) -> None:
        permissions.require(require_principal(connection), permission)

    setattr(guard, _PERMISSION, permission)
    return guard


class Access(msgspec.Struct, frozen=True):
    """What the guards of a route ask for."""

    login: bool
    permission: Permission | None
    query_checked: bool


def access(of: Iterable[Guard]) -> Access:
    """What these guards ask for together, for those who read routes rather than call them."""
    asked = list(of)
    permission = next((found for guard in asked if (found := getattr(guard, _PERMISSION, None))), None)
    return Access(
        login=any(guard is not known_query for guard in asked),
        permission=permission,
        query_checked=known_query in asked,
    )


async def known_query(connection: Connection, handler: BaseRouteHandler) -> None:
    """Refuses query parameters that a route does not have: a misspelt filter must not list everything."""
    known = parameters.in_query(handler)
    given = connection.query_params
    there = f"; there are: {', '.join(sorted(known))}" if known else ""
    problems = [
        FieldProblem(name[:100], f"is not a known query parameter{there}")
        for name in sorted(set(given) - known)
    ]
    problems += [
        FieldProblem(name, "comes twice")
        for name in sorted(known & set(given))
        if len(given.getall(name)) > 1
    ]
    if problems:
        raise InvalidSpec(problems)


def principal(request: AnyRequest) -> Principal:
    """The caller of a guarded route."""
    return cast("Principal", request.scope["user"])


def caller(request: AnyRequest) -> Caller:
    """Where a request comes from, for the audit log."""
    scope = cast("dict[str, Any]", request.scope)
    return Caller(
        principal=scope.get("user"),
        address=scope["client_address"],
        user_agent=request.headers.get("user-agent", ""),
        correlation_id=scope["correlation_id"],
    )


def claim_actor(request: AnyRequest, email: str) -> None:
    """Says who an anonymous caller claims to be, for the audit log, should the request be refused."""
    request.scope["claimed_actor"] = email  # type: ignore[typeddict-unknown-key]


def name_target(request: AnyRequest, name: str) -> None:
    """Says what a request that makes something is about, for the audit log, should it be refused."""
    request.scope["resource_name"] = name  # type: ignore[typeddict-unknown-key]
