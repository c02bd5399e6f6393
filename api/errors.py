"""The only place that turns errors into HTTP: problem details (RFC 9457), or its contract's shape."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException

from api import control_plane, parameters
from api.control_plane import errors as control_plane_errors
from api.decoding import MalformedBody, UnsupportedBody
from api.schemas.common import FieldError, Problem
from api.shapes import Rendered, Renderer, below
from engine.domain import errors

RETRY_SECONDS = 2  # in which what was away may be back
MEDIA_TYPE = "application/problem+json"

STATUSES: dict[type[errors.KeelyardError], int] = {
    MalformedBody: 400,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    UnsupportedBody: 415,
    errors.InvalidSpec: 422,
    errors.IdempotencyMismatch: 422,
    errors.ServiceUnavailable: 503,
}

log = structlog.get_logger("api")


def status_of(error: errors.KeelyardError) -> int:
    """The status of the nearest class in the error's ancestry; 500 for what no caller can mend."""
    return next((STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES), 500)


def problem(
    status: int, detail: str, correlation_id: str, fields: Sequence[FieldError] | None = None
) -> Rendered:
    """A problem document, the native contract's shape."""
    body = msgspec.json.encode(
        Problem(
            title=HTTPStatus(status).phrase,
            status=status,
            detail=detail,
            correlation_id=correlation_id,
            errors=list(fields) if fields is not None else msgspec.UNSET,
        )
    )
    return Rendered(status=status, body=body, media_type=MEDIA_TYPE)


def renderer(path: str) -> Renderer:
    """What renders errors below a path."""
    return next((render for base, render in _RENDERERS.items() if below(path, base)), problem)


#: Of the contracts with a base of their own.
_RENDERERS: dict[str, Renderer] = {control_plane.BASE: control_plane_errors.render}


def headers_for(status: int) -> dict[str, str]:
    """Headers that a status owes."""
    if status == 401:
        return {"WWW-Authenticate": "Bearer"}
    return {"Retry-After": str(RETRY_SECONDS)} if status == 503 else {}


def correlation_id(request: Request[Any, Any, Any]) -> str:
    """The request's id, as put there by the outermost layer."""
    return str(request.scope.get("correlation_id", ""))


def _reply(
    request: Request[Any, Any, Any],
    status: int,
    detail: str,
    fields: list[FieldError] | None = None,
    headers: dict[str, str] | None = None,
) -> Response[bytes]:
    # What the audit log tells of a refused request is what the caller was told.
    request.scope["refusal"] = detail  # type: ignore[typeddict-unknown-key]
    rendered = renderer(request.scope["path"])(status, detail, correlation_id(request), fields)
    return Response(
        rendered.body,
        status_code=rendered.status,
        media_type=rendered.media_type,
        headers={**headers_for(status), **(headers or {})},
    )


def keelyard_error(request: Request[Any, Any, Any], error: errors.KeelyardError) -> Response[bytes]:
    """Errors raised on purpose."""
    status = status_of(error)
    if isinstance(error, errors.InvalidSpec):
        fields = [FieldError(field=found.field, message=found.message) for found in error.problems]
        return _reply(request, status, _summary(error.problems), fields)
    if status == 500:
        log.error("request failed", error=str(error), correlation_id=correlation_id(request))
    return _reply(request, status, str(error))


def _summary(problems: list[errors.FieldProblem]) -> str:
    first = problems[0]
    others = f" (and {len(problems) - 1} more, see errors)" if len(problems) > 1 else ""
    return f"{first.field}: {first.message}{others}"


def invalid_parameters(request: Request[Any, Any, Any], error: ValidationException) -> Response[bytes]:
    """Path and query parameters, and a body that is missing, as Litestar finds them."""
    extra = error.extra if isinstance(error.extra, list) else []
    names = parameters.names(request.route_handler)
    fields = [
        FieldError(
            field=names.get(str(item["key"]), str(item["key"])),
            message=parameters.plain(str(item.get("message", "is not valid"))),
        )
        for item in extra
        if isinstance(item, dict) and item.get("key", "data") != "data"
    ] or [FieldError(field="body", message="is required")]
    return _reply(
        request, 422, _summary([errors.FieldProblem(item.field, item.message) for item in fields]), fields
    )


def http_exception(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """What the framework itself refuses: unknown paths, methods, bodies that are too large."""
    headers = {
        name: value
        for name, value in (error.headers or {}).items()
        if name.lower() in {"allow", "retry-after"}
    }
    if error.status_code == 500 and request.scope.get("body_broken"):
        return _reply(request, 400, "The body ended too soon, or its framing is wrong.")
    detail = {
        404: f"Nothing is served at {request.scope['path'][:200]}.",
        405: f"{request.scope['method']} is not served at {request.scope['path'][:200]}.",
        413: "The body is larger than 4 MiB.",
    }.get(error.status_code, error.detail or HTTPStatus(error.status_code).phrase)
    return _reply(request, error.status_code, detail, headers=headers)


def unexpected(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Everything else: told to the log in full, to the caller not at all."""
    log.error(
        "request crashed",
        correlation_id=correlation_id(request),
        path=request.scope["path"],
        exc_info=error,
    )
    return _reply(
        request, 500, "An unexpected error happened; the server's log has it under the correlation id."
    )


HANDLERS: Any = {
    errors.KeelyardError: keelyard_error,
    ValidationException: invalid_parameters,
    HTTPException: http_exception,
    Exception: unexpected,
}
