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
from tui.following import Following
from tui.live_state import LiveState
from tui.token_store import Busy, Kept, TokenStore

_RENEW_BEFORE_SECONDS = 30.0
_TIMEOUT = httpx.Timeout(15.0, connect=5.0)
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_READING = frozenset({"GET", "HEAD"})
_HARMLESS = frozenset({"/api/v1/clusters/test-ssh"})  # changes nothing, though it is sent as POST


class Session:
    """The access token lives in memory only; the refresh token also in the token store, when there is one."""

    def __init__(
        self,
        url: str,
        *,
        profile: str = "",
        token_store: TokenStore | None = None,
        read_only: bool = False,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Raises ValueError for a URL that is not http or https with a host."""
        try:
            base = httpx.URL(url.rstrip("/"))
        except httpx.InvalidURL as invalid:
            raise ValueError(f"{url!r} is not a URL: {invalid}.") from invalid
        if base.scheme not in {"http", "https"} or not base.host:
            raise ValueError(f"{url!r} is not a server's URL; it looks like http://127.0.0.1:8000.")
        self.url = str(base)
        self.profile = profile
        self.read_only = read_only
        self.user: wire.User | None = None
        self.live = LiveState()
        self.following = Following()
        self.is_exposed = base.scheme == "http" and base.host not in _LOOPBACK
        self.is_kept = False  # the sign-in outlives this process
        self.remark = ""  # what the operator should know about the kept sign-in
        self._store = token_store
        self._http = httpx.AsyncClient(
            base_url=base,
            timeout=_TIMEOUT,
            transport=transport,
            trust_env=base.host not in _LOOPBACK,  # a proxy cannot reach this machine's own loopback
            headers={"User-Agent": "keelyard-tui", "Accept": "application/json"},
        )
        self._tokens: wire.Tokens | None = None
        self._renew_at = 0.0
        self._renewal: asyncio.Task[str] | None = None

    async def close(self) -> None:
        """Gives up the connections."""
        if self._renewal is not None:
            await asyncio.wait({self._renewal})  # a token sent off and not received would be lost
        await self._http.aclose()

    # --- signing in and out ---

    @property
    def can_keep(self) -> bool:
        """Whether a sign-in can be kept for the next run."""
        return self._store is not None

    async def sign_in(self, email: str, password: str, *, keep: bool = True) -> wire.User:
        """Starts a session, and keeps it where there is a token store. Raises ApiError.

        Wrong credentials are Refused.
        """
        form = {"username": email, "password": password}
        response = await self._send(self._http.build_request("POST", "/api/v1/auth/login", data=form))
        if response.status_code == httpx.codes.UNAUTHORIZED:
            raise errors.Refused(problem_text(response) or "Incorrect e-mail or password.")
        user = self.adopt(decode(checked(response), wire.Tokens))
        if keep and self._store is not None:
            try:
                async with self._store.renewing():
                    await self._save(self._store)
            except (Busy, OSError) as unkept:
                self.remark = f"You are signed in, but not for the next time: {_why(unkept)}."
        return user

    async def resume(self) -> wire.User | None:
        """Signs in from the token store; None when nothing is kept there.

        Raises:
            SessionEnded: what was kept is no longer good, and forgotten now.
            ApiError: it cannot be told, and stays.
        """
        if self._store is None or await self._kept(self._store) is None:
            return None
        self.is_kept = True
        await self._renewed()
        return self.user

    def adopt(self, tokens: wire.Tokens) -> wire.User:
        """Goes on with tokens that somebody else obtained; they are not kept."""
        self.is_kept = False
        return self._take(tokens)

    async def sign_out(self) -> None:
        """Forgets the sign-in and revokes the session on the server. Raises ApiError."""
        account = self.user.id if self.user else ""
        try:
            token = await self._token() if self._tokens is not None else None
        finally:
            self._tokens, self.user = None, None
            if self._store is not None and self.is_kept:
                self.is_kept = False
                await self._forget(self._store, account)
        if token is not None:
            request = self._http.build_request("POST", "/api/v1/auth/logout", timeout=httpx.Timeout(2.0))
            request.headers["Authorization"] = f"Bearer {token}"
            await self._send(request)

    async def leave(self) -> None:
        """At the end of a run: a sign-in that is kept stays good, any other is revoked. Raises ApiError."""
        if not self.is_kept:
            await self.sign_out()

    def _take(self, tokens: wire.Tokens) -> wire.User:
        self._tokens = tokens
        self.user = tokens.user
        self._renew_at = time.monotonic() + tokens.expires_in - _RENEW_BEFORE_SECONDS
        return tokens.user

    # --- the kept sign-in ---

    async def _kept(self, store: TokenStore) -> Kept | None:
        """What the store holds for this server; a token is never shown to another one."""
        kept = await asyncio.to_thread(store.kept)
        self.remark = store.remark
        return kept if kept is not None and kept.url in {"", self.url} else None

    async def _save(self, store: TokenStore) -> None:
        if self._tokens is not None:
            told = self._tokens
            await asyncio.to_thread(store.save, told.refresh_token, account=told.user.id, url=self.url)
            self.is_kept = True

    async def _forget(self, store: TokenStore, account: str) -> None:
        try:
            async with store.renewing():
                kept = await self._kept(store)
                if kept is not None and kept.account in {"", account}:
                    await asyncio.to_thread(store.forget)
        except (Busy, OSError) as stays:
            self.remark = f"The sign-in is revoked, but could not be deleted here: {_why(stays)}."

    # --- tokens ---

    async def _token(self, *, rejected: str | None = None) -> str:
        """A token that should still be good; renews it when it is old or is the one just rejected."""
        if self._tokens is None:
            raise errors.SessionEnded("You are not signed in.")
        if time.monotonic() < self._renew_at and self._tokens.access_token != rejected:
            return self._tokens.access_token
        return await self._renewed()

    async def _renewed(self) -> str:
        """One renewal at a time, to its end though its caller is called off: half of one loses the token."""
        if self._renewal is None or self._renewal.done():
            self._renewal = asyncio.create_task(self._renew(), name="renew the sign-in")
            self._renewal.add_done_callback(lambda done: done.cancelled() or done.exception())
        return await asyncio.shield(self._renewal)

    async def _renew(self) -> str:
        if self.is_kept and self._store is not None:
            try:
                return await self._renew_kept(self._store)
            except (Busy, OSError) as failed:
                raise errors.Unreachable(f"The kept sign-in cannot be renewed: {_why(failed)}.") from failed
        if self._tokens is None:
            raise errors.SessionEnded("You are not signed in.")
        return await self._exchange(self._tokens.refresh_token)

    async def _renew_kept(self, store: TokenStore) -> str:
        """With the store's token: another process may have renewed since. Raises Busy, OSError."""
        async with store.renewing():
            kept = await self._kept(store)
            if kept is None:
                self._tokens = None
                raise errors.SessionEnded("You have signed out in another terminal. Sign in again.")
            if self._tokens is not None and kept.account not in {"", self._tokens.user.id}:
                self.is_kept = False  # somebody else uses the profile now; ours stays ours, in memory
                return await self._exchange(self._tokens.refresh_token)
            try:
                token = await self._exchange(kept.refresh_token)
            except errors.SessionEnded:
                await asyncio.to_thread(store.forget)
                raise
            try:
                await self._save(store)
            except OSError as unkept:
                self.is_kept = False
                self.remark = f"The sign-in can no longer be kept: {_why(unkept)}."
            return token

    async def _exchange(self, refresh_token: str) -> str:
        body = {"refresh_token": refresh_token}
        response = await self._send(self._http.build_request("POST", "/api/v1/auth/refresh", json=body))
        if response.status_code in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
            self._tokens = None
            raise errors.SessionEnded("Your session has ended. Sign in again.")
        self._take(decode(checked(response), wire.Tokens))
        return self._access()

    def _access(self) -> str:
        if self._tokens is None:
            raise errors.SessionEnded("You are not signed in.")
        return self._tokens.access_token

    # --- requests ---

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

    async def _get[T](self, path: str, kind: type[T], /, **query: Any) -> T:
        return decode(await self._call("GET", path, params=query), kind)

    async def _post(self, path: str, body: dict[str, str] | None = None) -> wire.Accepted:
        options = {} if body is None else {"json": body}
        response = await self._call("POST", path, headers={"Idempotency-Key": str(uuid.uuid4())}, **options)
        return decode(response, wire.Accepted)

    async def _call(self, method: str, path: str, **options: Any) -> httpx.Response:
        return checked(await self._authorized(self._http.build_request(method, path, **options)))

    async def _authorized(self, request: httpx.Request, *, stream: bool = False) -> httpx.Response:
        if self.read_only and request.method not in _READING and request.url.path not in _HARMLESS:
            raise errors.Refused("This session is read-only: nothing was sent.")
        token = await self._token()
        request.headers["Authorization"] = f"Bearer {token}"
        response = await self._send(request, stream=stream)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            await response.aclose()
            request.headers["Authorization"] = f"Bearer {await self._token(rejected=token)}"
            response = await self._send(request, stream=stream)
        return response

    async def _send(self, request: httpx.Request, *, stream: bool = False) -> httpx.Response:
        began = time.monotonic()
        try:
            response = await self._http.send(request, stream=stream)
        except httpx.HTTPError as failed:
            raise self._unreachable(failed) from failed
        if not stream:
            self.live.answered(time.monotonic() - began)
        return response

    def _unreachable(self, error: httpx.HTTPError) -> errors.Unreachable:
        why = str(error) or type(error).__name__
        return errors.Unreachable(f"No answer from {self.url}: {why}. Is the server running?")


def _why(failed: Exception) -> str:
    """The words of an error of the token store, without a full stop."""
    return str(getattr(failed, "strerror", None) or failed).rstrip(".")
