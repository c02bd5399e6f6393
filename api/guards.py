"""Who may call a route, decided before its body is read; and which query parameters it knows.

Guards are coroutines although they wait for nothing: Litestar runs plain functions in a thread each.
"""

from __future__ import annotations

from typing import Any, cast

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler
from litestar.types import Guard

from api import parameters
from engine.domain import permissions
from engine.domain.errors import FieldProblem, InvalidSpec, Unauthenticated
from engine.domain.permissions import Permission, Principal
from engine.services.identity import Caller

Connection = ASGIConnection[Any, Any, Any, Any]
AnyRequest = Request[Any, Any, Any]


async def authenticated(connection: Connection, _: BaseRouteHandler) -> None:
    """Any caller with a good token."""
    require_principal(connection)


def require_principal(connection: Connection) -> Principal:
    """The caller with a good token; raises Unauthenticated."""
    if connection.scope.get("user") is None:
        refused = connection.scope.get("refused_token")
        raise Unauthenticated(
            str(refused) if refused else "This request needs an access token.",
            remedy="" if refused else "Send it as: Authorization: Bearer <token>.",
        )
    return cast("Principal", connection.scope["user"])


def requires(permission: Permission) -> Guard:
    """A caller whose roles grant a permission."""

    async def guard(connection: Connection, _: BaseRouteHandler) -> None:
        permissions.require(require_principal(connection), permission)

    return guard


async def known_query(connection: Connection, handler: BaseRouteHandler) -> None:
    """Refuses query parameters that a route does not have: a misspelt filter must not list everything."""
    known = parameters.in_query(handler)
    unknown = sorted(set(connection.query_params) - known)
    if unknown:
        there = f"; there are: {', '.join(sorted(known))}" if known else ""
        message = f"is not a known query parameter{there}"
        raise InvalidSpec([FieldProblem(name[:100], message) for name in unknown])


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
