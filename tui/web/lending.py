"""Access tokens lent to the process of a tab; the web server alone holds what renews them.

Refresh tokens rotate, and one used twice ends the session: several processes cannot share one. So each
process has a line (a socket pair, inherited as a descriptor) on which it first reads where to begin, and
later asks for another access token when the one it has is no longer good. The end of the line is the end
of the process.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import socket
import threading
import time
from typing import Literal, override

import msgspec

from tui import errors, wire
from tui.client import Client
from tui.session import Session

LINE_BYTES = 1 << 20


class Opening(msgspec.Struct):
    """The first line: whose terminal it is, and which API it speaks to."""

    api_url: str
    client_address: str
    read_only: bool
    tokens: wire.Tokens


class Wish(msgspec.Struct):
    """Another access token, please, this one is no longer good; or the end of the whole sign-in."""

    rejected: str = ""
    sign_out: bool = False


class Loan(msgspec.Struct):
    """The answer: tokens without a refresh token, or why there are none."""

    tokens: wire.Tokens | None = None
    refusal: Literal["", "ended", "busy", "away"] = ""
    reason: str = ""
    retry_after_seconds: float = 0.0


def encoded(message: Opening | Wish | Loan) -> bytes:
    """One message, one line."""
    return msgspec.json.encode(message) + b"\n"


class Lender(Session):
    """One sign-in at the API, kept in the web server's memory."""

    def __init__(self, url: str, client_address: str, *, read_only: bool = False) -> None:
        super().__init__(url, read_only=read_only)
        self.client_address = client_address
        self._expires_at = 0.0
        # An API that trusts this server believes it: its limits and its audit log see the browser's address.
        self._http.headers["X-Forwarded-For"] = client_address

    async def tokens(self, rejected: str | None = None) -> wire.Tokens:
        """The access token, renewed if it has to be, and what is left of its time. Raises ApiError."""
        token = await self._token(rejected=rejected)
        if self.user is None:
            raise errors.SessionEnded("You are not signed in.")
        left = self._expires_at - time.monotonic()
        return wire.Tokens(
            access_token=token,
            refresh_token="",
            token_type="bearer",  # noqa: S106 - the scheme's name
            expires_in=max(1, int(left)),
            user=self.user,
        )

    @override
    def _take(self, tokens: wire.Tokens) -> wire.User:
        self._expires_at = time.monotonic() + tokens.expires_in
        return super()._take(tokens)

    async def lend(self, wish: Wish) -> Loan:
        """The answer to a wish for a token; never raises."""
        try:
            return Loan(tokens=await self.tokens(rejected=wish.rejected))
        except errors.SessionEnded as ended:
            return Loan(refusal="ended", reason=str(ended))
        except errors.TooManyRequests as busy:
            return Loan(refusal="busy", reason=str(busy), retry_after_seconds=busy.retry_after_seconds)
        except errors.ApiError as failed:
            return Loan(refusal="away", reason=str(failed))


class Line:
    """The process' end of its line."""

    def __init__(self, end: socket.socket) -> None:
        """Waits for the opening. Raises EOFError, msgspec.DecodeError."""
        self._end = end
        self._file = end.makefile("rb")
        self._answer: concurrent.futures.Future[Loan] | None = None
        first = self._file.readline(LINE_BYTES)
        if not first:
            raise EOFError("The web server has gone.")
        self.opening = msgspec.json.decode(first, type=Opening)
        threading.Thread(target=self._listen, name="line", daemon=True).start()

    async def ask(self, wish: Wish) -> Loan:
        """One question at a time; its answer."""
        self._answer = concurrent.futures.Future()
        self._end.sendall(encoded(wish))
        return await asyncio.wrap_future(self._answer)

    def _listen(self) -> None:
        while line := self._file.readline(LINE_BYTES):
            if self._answer is not None and not self._answer.done():
                self._answer.set_result(msgspec.json.decode(line, type=Loan))
        # In a thread, and not by leaving in order: an app that listens to nothing any more ends all the same.
        os._exit(0)


class Borrower(Client):
    """The API, seen from the process of a tab: signed in from the start, by somebody else."""

    def __init__(self, line: Line) -> None:
        super().__init__(line.opening.api_url, read_only=line.opening.read_only)
        self._line = line
        self._http.headers["X-Forwarded-For"] = line.opening.client_address
        self.adopt(line.opening.tokens)

    @override
    async def _renew(self) -> str:
        held = self._tokens.access_token if self._tokens is not None else ""
        loan = await self._line.ask(Wish(held))
        if loan.tokens is not None:
            self.adopt(loan.tokens)
            return loan.tokens.access_token
        if loan.refusal == "busy":
            raise errors.TooManyRequests(loan.reason, loan.retry_after_seconds)
        if loan.refusal == "away":
            raise errors.Unreachable(loan.reason)
        raise errors.SessionEnded(loan.reason)

    @override
    async def sign_in(self, email: str, password: str, *, keep: bool = True) -> wire.User:
        """Not here: the browser's page does that. Raises Refused."""
        raise errors.Refused("Reload the page to sign in again.")

    @override
    async def sign_out(self) -> None:
        """Everywhere: the web server ends the sign-in and with it this process."""
        await self._line.ask(Wish(sign_out=True))

    @override
    async def leave(self) -> None:
        """Ends this tab's process only; other tabs of the sign-in go on."""
