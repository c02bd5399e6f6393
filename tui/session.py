"""One server and one signed-in user: a session that renews itself, and errors in plain words."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from tui import errors, wire
from tui.answers import checked, decode, problem_text

_RENEW_BEFORE_SECONDS = 30.0
_TIMEOUT = httpx.Timeout(15.0, connect=5.0)
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class Session:
    """Tokens live in memory only."""

    def __init__(self, url: str, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        """Raises ValueError for a URL that is not http or https with a host."""
        try:
            base = httpx.URL(url.rstrip("/"))
        except httpx.InvalidURL as invalid:
            raise ValueError(f"{url!r} is not a URL: {invalid}.") from invalid
        if base.scheme not in {"http", "https"} or not base.host:
            raise ValueError(f"{url!r} is not a server's URL; it looks like http://127.0.0.1:8000.")
        self.url = str(base)
        self.user: wire.User | None = None
        self.is_exposed = base.scheme == "http" and base.host not in _LOOPBACK
        self._http = httpx.AsyncClient(
            base_url=base,
            timeout=_TIMEOUT,
            transport=transport,
            trust_env=base.host not in _LOOPBACK,  # a proxy cannot reach this machine's own loopback
            headers={"User-Agent": "keelyard-tui", "Accept": "application/json"},
        )
        self._tokens: wire.Tokens | None = None
        self._renew_at = 0.0
        self._renewing = asyncio.Lock()

    async def close(self) -> None:
        """Gives up the connections."""
        await self._http.aclose()

    async def sign_in(self, email: str, password: str) -> wire.User:
        """Starts a session. Raises ApiError; wrong credentials are Refused or SessionEnded."""
        form = {"username": email, "password": password}
        response = await self._send(self._http.build_request("POST", "/api/v1/auth/login", data=form))
        if response.status_code == httpx.codes.UNAUTHORIZED:
            raise errors.Refused(problem_text(response) or "Incorrect e-mail or password.")
        return self._keep(decode(checked(response), wire.Tokens))

    async def sign_out(self) -> None:
        """Revokes the session on the server. Raises ApiError."""
        if self._tokens is None:
            return
        tokens, self._tokens, self.user = self._tokens, None, None
        request = self._http.build_request("POST", "/api/v1/auth/logout", timeout=httpx.Timeout(2.0))
        request.headers["Authorization"] = f"Bearer {tokens.access_token}"
        await self._send(request)

    def _keep(self, tokens: wire.Tokens) -> wire.User:
        self._tokens = tokens
        self.user = tokens.user
        self._renew_at = time.monotonic() + tokens.expires_in - _RENEW_BEFORE_SECONDS
        return tokens.user

    async def _token(self, *, rejected: str | None = None) -> str:
        """A token that should still be good; renews it when it is old or is the one just rejected."""
        async with self._renewing:  # refresh tokens rotate, so two renewals at once would end the session
            if self._tokens is None:
                raise errors.SessionEnded("You are not signed in.")
            stale = time.monotonic() >= self._renew_at
            if stale or self._tokens.access_token == rejected:
                body = {"refresh_token": self._tokens.refresh_token}
                response = await self._send(
                    self._http.build_request("POST", "/api/v1/auth/refresh", json=body)
                )
                if response.status_code in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
                    self._tokens = None
                    raise errors.SessionEnded("Your session has ended. Sign in again.")
                self._keep(decode(checked(response), wire.Tokens))
            return self._tokens.access_token

    @asynccontextmanager
    async def _stream(self, request: httpx.Request) -> AsyncGenerator[httpx.Response]:
        response = await self._authorized(request, stream=True)
        try:
            if response.is_error:
                await response.aread()
            yield checked(response)
        except httpx.HTTPError as cut:
            raise self._unreachable(cut) from cut
        finally:
            await response.aclose()

    async def _get[T](self, path: str, kind: type[T], **query: Any) -> T:
        return decode(await self._call("GET", path, params=query), kind)

    async def _post(self, path: str, body: dict[str, str] | None = None) -> wire.Accepted:
        options = {} if body is None else {"json": body}
        response = await self._call("POST", path, headers={"Idempotency-Key": str(uuid.uuid4())}, **options)
        return decode(response, wire.Accepted)

    async def _call(self, method: str, path: str, **options: Any) -> httpx.Response:
        return checked(await self._authorized(self._http.build_request(method, path, **options)))

    async def _authorized(self, request: httpx.Request, *, stream: bool = False) -> httpx.Response:
        token = await self._token()
        request.headers["Authorization"] = f"Bearer {token}"
        response = await self._send(request, stream=stream)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            await response.aclose()
            request.headers["Authorization"] = f"Bearer {await self._token(rejected=token)}"
            response = await self._send(request, stream=stream)
        return response

    async def _send(self, request: httpx.Request, *, stream: bool = False) -> httpx.Response:
        try:
            return await self._http.send(request, stream=stream)
        except httpx.HTTPError as failed:
            raise self._unreachable(failed) from failed

    def _unreachable(self, error: httpx.HTTPError) -> errors.Unreachable:
        why = str(error) or type(error).__name__
        return errors.Unreachable(f"No answer from {self.url}: {why}. Is the server running?")
