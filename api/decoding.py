"""Request bodies: decoded strictly, with every wrong member told at once."""

from __future__ import annotations

import enum
import json
import types
import typing
from collections.abc import Iterator
from typing import Any, Generic, TypeVar, override

import msgspec
from litestar._openapi.schema_generation import SchemaCreator
from litestar.dto import MsgspecDTO
from litestar.openapi.spec import Reference, Schema
from litestar.typing import FieldDefinition

from engine.domain.errors import FieldProblem, InvalidSpec, KeelyardError

T = TypeVar("T", bound=msgspec.Struct)  # the old way, because Litestar inspects it


class MalformedBody(KeelyardError):
    """The body is not JSON at all (400, while a wrong member is 422)."""


class UnsupportedBody(KeelyardError):
    """The body is of a media type that the route does not take (415)."""


def decode[S: msgspec.Struct](body: bytes, wanted: type[S]) -> S:
    """The body as a struct.

    Raises MalformedBody when it is not JSON, and InvalidSpec with every member that is missing, unknown or of
    another type.
    """
    try:
        value = msgspec.json.decode(body)
        json.loads(body, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise MalformedBody(f"The body is not valid JSON: {error}.") from error
    return convert(value, wanted)


def _once(pairs: list[tuple[str, Any]]) -> None:
    """Two members of one name would be two requests: which is meant, two readers tell differently."""
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise ValueError(f"the member {name[:80]!r} comes twice")
        seen.add(name)


def convert[S: msgspec.Struct](value: Any, wanted: type[S]) -> S:
    """Decoded JSON as a struct; raises InvalidSpec like `decode`."""
    problems = list(_struct(value, wanted, ""))
    if problems:
        raise InvalidSpec(problems)
    return msgspec.convert(value, wanted)


def _struct(value: Any, wanted: type[msgspec.Struct], at: str) -> Iterator[FieldProblem]:
    if not isinstance(value, dict):
        yield FieldProblem(at or "body", "must be an object")
        return
    fields = {field.encode_name: field for field in msgspec.structs.fields(wanted)}
    for name in value:
        if name not in fields:
            yield FieldProblem(_join(at, str(name)[:100]), "is not a known member")
    for name, field in fields.items():
        if name in value:
            yield from _member(value[name], field.type, _join(at, name))
        elif field.required:
            yield FieldProblem(_join(at, name), "is required")


def _member(value: Any, wanted: Any, at: str) -> Iterator[FieldProblem]:
    otherwise = ""
    if isinstance(wanted, types.UnionType):
        if value is None and types.NoneType in wanted.__args__:
            return
        rest = [choice for choice in wanted.__args__ if choice is not types.NoneType]
        lists = [choice for choice in rest if typing.get_origin(choice) is list]
        if isinstance(value, list) and lists:
            rest = lists
        elif lists:
            otherwise = ", or a list"
        wanted = rest[0]  # of several, the first is the one to explain
    if isinstance(wanted, type) and issubclass(wanted, msgspec.Struct):
        yield from _struct(value, wanted, at)
    elif typing.get_origin(wanted) is list and isinstance(value, list):
        for index, item in enumerate(value):
            yield from _member(item, typing.get_args(wanted)[0], f"{at}.{index}")
    else:
        try:
            msgspec.convert(value, wanted)
        except msgspec.ValidationError as error:
            yield FieldProblem(at, _plain(str(error), wanted) + otherwise)


def _plain(message: str, wanted: Any) -> str:
    if isinstance(wanted, type) and issubclass(wanted, enum.Enum):
        return "must be one of: " + ", ".join(str(choice) for choice in wanted)
    words = message.partition(" - at `")[0].replace("`", "")
    return f"has the wrong type: {words[0].lower()}{words[1:]}"


def _join(at: str, name: str) -> str:
    return f"{at}.{name}" if at else name


class Body(MsgspecDTO[T], Generic[T]):  # noqa: UP046 - Litestar looks for the TypeVar
    """Lets Litestar read a handler's `data` through `decode`.

    Its own reading takes "3" for 3 and stops at the first error.
    """

    @override
    def decode_bytes(self, value: bytes) -> T:
        content_type = self.asgi_connection.headers.get("content-type", "application/json")
        media_type = content_type.partition(";")[0].strip().lower()
        if media_type != "application/json" and not media_type.endswith("+json"):
            raise UnsupportedBody(f"The body is {media_type[:80]}; this route takes application/json.")
        return decode(value, self.model_type)

    @classmethod
    @override
    def create_for_field_definition(cls, *_: Any, **__: Any) -> None:
        """No transfer model is generated: the struct itself is what travels."""

    @classmethod
    @override
    def create_openapi_schema(
        cls, field_definition: FieldDefinition, handler_id: str, schema_creator: SchemaCreator
    ) -> Reference | Schema:
        return schema_creator.for_field_definition(field_definition)


class AnyTypeBody(Body[T], Generic[T]):  # noqa: UP046 - Litestar looks for the TypeVar
    """The same for contracts whose servers never looked at the Content-Type."""

    @override
    def decode_bytes(self, value: bytes) -> T:
        return decode(value, self.model_type)
