"""A stand-in that answers every read of the OpenAPI document with an example of what that promises."""

from __future__ import annotations

import re
from functools import cache
from typing import Any, override

import httpx

from api.app import create_app
from tests.contract import harness
from tests.standins.provisioner_api import ProvisionerApi
from tests.standins.provisioner_bodies import CREATED

_SIMPLE = {"integer": 1, "number": 1.5, "boolean": True}
_ID = "00000000-0000-4000-8000-000000000001"


@cache
def document() -> dict[str, Any]:
    """The OpenAPI document; asks no database."""
    app = create_app(harness.settings("postgresql://nobody:nothing@127.0.0.1:1/none"))
    return app.openapi_schema.to_schema()


class DocumentedApi(ProvisionerApi):
    """What the hand-written stand-in does not know is made up from the document, always the same."""

    def __init__(self) -> None:
        super().__init__()
        self.tells_news = False  # nor how long its answers take

    @override
    def _noun(self, request: httpx.Request, path: str) -> httpx.Response:
        answer = super()._noun(request, path)
        if request.method != "GET" or not answer.is_client_error or path == "/events":
            return answer
        schema = _promised(f"/api/v1{path}")
        if schema is None:
            return answer
        return httpx.Response(200, json=example(schema, "")) if schema else self._page([])


def _promised(path: str) -> dict[str, Any] | None:
    for template, item in document()["paths"].items():
        pattern = re.sub(r"\{[^}]+\}", "[^/]+", template)
        if re.fullmatch(pattern, path) and "get" in item:
            content = item["get"]["responses"]["200"].get("content", {})
            found: dict[str, Any] | None = content.get("application/json", {}).get("schema")
            return found
    return None


def example(schema: dict[str, Any], name: str) -> Any:
    """A value that the schema allows: names say what they are, times are one time, numbers are 1."""
    if reference := schema.get("$ref"):
        return example(document()["components"]["schemas"][reference.rpartition("/")[2]], name)
    for either in ("oneOf", "anyOf"):
        if either in schema:
            return example(next(each for each in schema[either] if each.get("type") != "null"), name)
    if not schema.keys() & {"type", "enum", "const", "format"}:
        return {}  # anything
    if "enum" in schema or "const" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    kind = schema.get("type", "string")
    if isinstance(kind, list):
        kind = next(each for each in kind if each != "null")
    if kind == "object":
        return {member: example(inner, member) for member, inner in schema.get("properties", {}).items()}
    if kind == "array":
        return [example(schema.get("items", {}), name)]
    return _simple(kind, schema, name)


def _simple(kind: str, schema: dict[str, Any], name: str) -> Any:
    if kind in _SIMPLE:
        return _SIMPLE[kind]
    if schema.get("format") == "date-time":
        return CREATED
    return _ID if name == "id" or name.endswith("_id") or schema.get("format") == "uuid" else f"{name} 1"
