"""Any operation of the API as its document names it, answered as plain data: what the command line speaks."""

from __future__ import annotations

import re
import uuid
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import quote

import httpx
import msgspec

from tui import errors, wire
from tui.session import Session

_PARAMETER = re.compile(r"\{[^}]*\}")
_TENANT = "X-Tenant-ID"


class PlainCalls(Session):
    """Operations as in "POST /api/v1/jobs/{job_id}/cancel", their parameters in the order of the path."""

    @property
    def tokens(self) -> wire.Tokens | None:
        """What the session goes on with."""
        return self._tokens

    def within(self, tenant: str) -> None:
        """From now on everything happens in this tenant, a slug or an id."""
        self._http.headers[_TENANT] = tenant

    async def ask(
        self, operation: str, *parameters: str, query: Mapping[str, Any] | None = None, body: Any = None
    ) -> Any:
        """The decoded answer; None when it has no body. Raises ApiError."""
        response = await self._asked(operation, parameters, query, body)
        if not response.content:
            return None
        try:
            return msgspec.json.decode(response.content)
        except msgspec.DecodeError as unreadable:
            raise errors.ServerFailed(
                f"{response.request.url.path} did not answer with JSON. Is this address a Keelyard API?"
            ) from unreadable

    async def ask_text(self, operation: str, *parameters: str) -> str:
        """The answer as it came. Raises ApiError."""
        return (await self._asked(operation, parameters, None, None)).text

    async def lines(self, operation: str, *parameters: str) -> AsyncIterator[str]:
        """A text that may be long, piece by piece. Raises ApiError."""
        method, path = _filled(operation, parameters)
        request = self._http.build_request(method, path, headers={"Accept": "text/plain"})
        async with self._stream(request) as response:
            async for piece in response.aiter_text():
                yield piece

    async def _asked(
        self, operation: str, parameters: tuple[str, ...], query: Mapping[str, Any] | None, body: Any
    ) -> httpx.Response:
        method, path = _filled(operation, parameters)
        options: dict[str, Any] = {} if body is None else {"json": body}
        if method == "POST":
            options["headers"] = {"Idempotency-Key": str(uuid.uuid4())}
        if method == "GET":
            options["headers"] = {"Accept": "application/json, */*;q=0.5"}
        return await self._call(method, path, params=query, **options)


def _filled(operation: str, parameters: tuple[str, ...]) -> tuple[str, str]:
    """Method and path, its parameters escaped."""
    method, _, path = operation.partition(" ")
    left = iter(parameters)
    return method, _PARAMETER.sub(lambda _: quote(next(left), safe=""), path)
