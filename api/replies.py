"""Replies as bytes, and the answers that `Idempotency-Key` repeats."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any

import msgspec
from litestar import Response
from litestar.params import QueryParameter

from api import guards, state
from api.schemas.common import Page, Reply
from engine.services import idempotency

JSON = "application/json"

PageNumber = Annotated[int, QueryParameter(ge=1, le=1_000_000, description="Page number, from 1")]
Search = Annotated[
    str | None, QueryParameter(min_length=1, max_length=200, description="Part of what a list shows")
]
PageSize = Annotated[int, QueryParameter(ge=1, le=100, description="Items per page")]


def either_way(names: Sequence[str]) -> str:
    """The pattern of a `sort` parameter: one of the names, with "-" before it from the last on."""
    return f"^({'|'.join([*names, *(f'-{name}' for name in names)])})$"


class Answer(msgspec.Struct, frozen=True):
    """A reply with its status and headers."""

    status_code: int
    reply: Reply
    headers: dict[str, str] = {}


def page[T](data: list[T], total: int, number: int, size: int) -> Response[Any]:
    """One page of a list."""
    reply = Page(total=total, page=number, page_size=size, total_pages=-(-total // size), data=data)
    return Response(msgspec.json.encode(reply), media_type=JSON)


async def once(request: guards.AnyRequest, work: Callable[[], Awaitable[Answer]]) -> Response[Any]:
    """The answer of the work, done once per `Idempotency-Key`."""
    key = request.headers.get("idempotency-key")
    claim = None
    if key is not None:
        claim = idempotency.Claim(
            principal=guards.principal(request),
            key=key,
            method=request.method,
            path=request.url.path + _tenant(request),
            body=await request.body(),
        )

    async def encoded() -> idempotency.Answer:
        answer = await work()
        return idempotency.Answer(
            status_code=answer.status_code, body=msgspec.json.encode(answer.reply), headers=answer.headers
        )

    answer = await idempotency.once(claim, encoded)
    headers = {**answer.headers, **({"Idempotency-Replayed": "true"} if answer.replayed else {})}
    return Response(answer.body, status_code=answer.status_code, media_type=JSON, headers=headers)


def _tenant(request: guards.AnyRequest) -> str:
    """The tenant that a request names: under one key, another one makes it another request."""
    named = request.headers.get(state.of(request.app).settings.tenant_header)
    return "" if named is None else f"#{named}"
