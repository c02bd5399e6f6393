"""What the OpenAPI document says of the control plane's routes."""

from __future__ import annotations

from litestar.openapi import ResponseSpec

from api.control_plane.schemas import ErrorReply

AUTHENTICATION = "Control plane: authentication"
STAFF = "Control plane: staff"
TENANTS = "Control plane: tenants"

OPEN: list[dict[str, list[str]]] = [{}]  # needs no token

_SAID = {
    400: "ValidationError",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    409: "Conflict",
    413: "PayloadTooLarge",
    429: "RateLimited",
    500: "InternalError",
}


def refused(*statuses: int) -> dict[int, ResponseSpec]:
    """The errors of a route: those given and those that every route has."""
    return {
        status: ResponseSpec(data_container=ErrorReply, description=_SAID[status], generate_examples=False)
        for status in sorted({*statuses, 413, 500})
    }
