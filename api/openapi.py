"""The OpenAPI document: what the routes declare, and the refusals that follow from that.

A route says who may call it (guards), what it reads (body, path, query) and how it is limited (its path);
each of these brings refusals of its own. They are written here, once, for every route there is. What a
handler refuses beyond that it names itself: `opt={"refuses": (409,)}`; further media types of its answer:
`opt={"also": ("text/csv",)}`; and of a file of any shape that it hands out: `opt={"files": ("text/html",)}`.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from api import control_plane, errors, guards
from api.control_plane.schemas import ErrorReply
from api.layers import rate_limits
from api.schemas.common import Problem
from api.shapes import Rendered, below

_CHANGES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_ALWAYS = frozenset({400, 414, 431, 503})  # of the layers around every route
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
_TEXT = {"schema": {"type": "string"}}
_OBJECT = {"schema": {"type": "object"}}
_ANYTHING: dict[str, Any] = {"schema": {}}
_HEADERS: dict[int, dict[str, str]] = {
    401: {"WWW-Authenticate": "The scheme to authenticate with"},
    429: {"Retry-After": "Seconds until a request is let through again"},
    503: {"Retry-After": "Seconds in which what was away may be back"},
}


class Contract(msgspec.Struct, frozen=True):
    """One of the contracts in this document: its name there, its base, and the body of its errors."""

    name: str
    base: str
    error: type[msgspec.Struct]


NATIVE = Contract("Kubernetes provisioner", "", Problem)

#: With bases of their own.
CONTRACTS = (Contract("AWS control plane", control_plane.BASE, ErrorReply),)


@functools.lru_cache(maxsize=1)
def document(app: Litestar) -> bytes:
    """The document of an application as JSON."""
    whole = app.openapi_schema.to_schema()
    for path, method, handler in _operations(app):
        operation = whole["paths"].get(path, {}).get(method.lower())
        if operation is not None:
            _complete(operation, path, method, handler)
    shapes = [contract.error for contract in (NATIVE, *CONTRACTS)]
    _, components = msgspec.json.schema_components(shapes, ref_template="#/components/schemas/{name}")
    whole["components"].setdefault("schemas", {}).update(components)
    return msgspec.json.encode(_plain({**whole, "x-tagGroups": _groups(whole["paths"])}))


def refusals(path: str, method: str, handler: HTTPRouteHandler) -> set[int]:
    """The statuses of errors that a route may answer with, in the native contract."""
    access = guards.access(handler.resolve_guards())
    found = {*_ALWAYS, *handler.opt.get("refuses", ())}
    if (rule := rate_limits.rule_of(path)) is not None:
        found |= {401, 403, 429} if rule.login else {429}
    if access.login:
        found.add(401)
    if access.permission is not None:
        found.add(403)
    if "{" in path:
        found |= {404, 422}
    if access.query_checked or _queries(handler):
        found.add(422)
    if method in _CHANGES and access.login:
        found |= {403, 409}  # a browser without its X-CSRF-Token; a state that forbids it
    if method in _WITH_BODY:
        found |= {408, 413, 415, 422}
    return found


def _operations(app: Litestar) -> Iterator[tuple[str, str, HTTPRouteHandler]]:
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for handler in route.route_handlers:
                for method in sorted(handler.http_methods):
                    yield route.path_format, str(method), handler


def _contract(path: str) -> Contract:
    return next((contract for contract in CONTRACTS if below(path, contract.base)), NATIVE)


def _groups(paths: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The tags, one group per contract, as ReDoc shows them."""
    groups: dict[str, dict[str, None]] = {NATIVE.name: {}}
    for path, operations in paths.items():
        for operation in operations.values():
            tags = dict.fromkeys(operation.get("tags", ()))
            groups.setdefault(_contract(path).name, {}).update(tags)
    return [{"name": name, "tags": list(tags)} for name, tags in groups.items()]


def _queries(handler: HTTPRouteHandler) -> bool:
    known = {"request", "data", "self"}
    return bool(set(handler.parsed_fn_signature.parameters) - known)


def _complete(operation: dict[str, Any], path: str, method: str, handler: HTTPRouteHandler) -> None:
    responses = operation["responses"]
    # The framework's own idea of a 400 is not what is sent here.
    responses.pop("400", None)
    responses.get("204", {}).pop("content", None)
    for answer in responses.values():
        if content := answer.get("content"):
            content |= dict.fromkeys(handler.opt.get("also", ()), _TEXT)
            content |= {media_type: _OBJECT for media_type in content if "yaml" in media_type}
            content |= dict.fromkeys(handler.opt.get("files", ()), _ANYTHING)
    for status in sorted(refusals(path, method, handler)):
        # What sends the errors of a path also says how it words a status: 422 is 400 in some contracts.
        told = errors.renderer(path)(status, "", "", None)
        responses[str(told.status)] = _refusal(told, _contract(path).error)
    if not guards.access(handler.resolve_guards()).login:
        operation["security"] = []
    for parameter in operation.get("parameters", ()):
        parameter["schema"] = _given(parameter["schema"])


def _refusal(told: Rendered, error: type[msgspec.Struct]) -> dict[str, Any]:
    reference = {"$ref": f"#/components/schemas/{error.__name__}"}
    answer: dict[str, Any] = {
        "description": HTTPStatus(told.status).phrase,
        "content": {told.media_type: {"schema": reference}},
    }
    if named := _HEADERS.get(told.status):
        answer["headers"] = {
            name: {"description": text, "required": True, **_TEXT} for name, text in named.items()
        }
    return answer


def _given(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a parameter that is there: a query or a path has no way to say null."""
    choices = [choice for choice in schema.get("oneOf", ()) if choice.get("type") != "null"]
    if len(choices) != 1:
        return schema
    rest = {name: value for name, value in schema.items() if name != "oneOf"}
    return {**choices[0], **rest}


def _plain(value: Any) -> Any:
    """Without choices of one and without empty headers, which say nothing."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    plain = {name: _plain(item) for name, item in value.items() if not (name == "headers" and item == {})}
    if isinstance(one := plain.get("oneOf"), list) and len(one) == 1:
        del plain["oneOf"]
        plain = {**one[0], **plain}
    return plain
