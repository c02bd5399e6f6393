"""Errors in the control plane's shape: `{"error": {code, message, correlationId}, timestamp}`."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

import msgspec

from api.control_plane.schemas import ErrorDetail, ErrorReply, timestamp
from api.schemas.common import FieldError
from api.shapes import Rendered

_CODES = {
    400: "ValidationError",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    409: "Conflict",
    413: "PayloadTooLarge",
    429: "RateLimited",
    500: "InternalError",
}


def render(
    status: int, detail: str, correlation_id: str, fields: Sequence[FieldError] | None = None
) -> Rendered:
    """The reply to a request that failed.

    Validation is 400 here. The document knows one code for all that is the server's fault, and it is 500,
    also for a database or an identity provider that is away.
    """
    shown = 400 if status == 422 else min(status, 500)
    message = "; ".join(f"{field.field}: {field.message}" for field in fields) if fields else detail
    error = ErrorDetail(code=_code(shown), message=message, correlation_id=correlation_id)
    body = msgspec.json.encode(ErrorReply(error=error, timestamp=timestamp()))
    return Rendered(status=shown, body=body, media_type="application/json")


def _code(status: int) -> str:
    """The documented code; for a status without one, its name."""
    return _CODES.get(status) or HTTPStatus(status).phrase.title().replace(" ", "").replace("-", "")
