"""Who is signed in with a browser: kept in memory, found by a cookie, ended by a person, the API or time."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress

from tui import errors
from tui.web.closing import ENDED, IDLE, SIGNED_OUT, STOPPING, Closing
from tui.web.lending import Lender
from tui.web.seat import Seat

log = logging.getLogger("keelyard.tui.web")

PER_USER = 8  # browsers that one user is signed in with at once; the one longest unused makes room
_ROOM_SECONDS = 3.0  # a page that is reloaded asks for its new terminal while the old one is still ending


class Full(Exception):
    """No room for another terminal; the message says whose limit it is."""


class SignIn:
    """One browser of one user."""

    def __init__(self, lender: Lender, store: SignIns) -> None:
        assert lender.user is not None
        self.lender = lender
        self.user = lender.user
        self.csrf_token = secrets.token_urlsafe(32)
        self.seats: set[Seat] = set()
        self.touched = store.clock()
        self._store = store

    async def ended(self, reason: str) -> None:
        """The API no longer knows this sign-in."""
        log.info("a session has ended", extra={"user": self.user.id, "reason": reason})
        await self._store.end(self, ENDED, revoke=False)

    async def left(self) -> None:
        """The person signs out."""
        log.info("signed out", extra={"user": self.user.id})
        await self._store.end(self)


class SignIns:
    """Every sign-in, every terminal, and room for no more of them than was said."""

    def __init__(
        self,
        *,
        seats: int,
        seats_per_user: int,
        idle_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.clock = clock
        self._by_cookie: dict[str, SignIn] = {}
        self._idle_seconds = idle_seconds
        self._seats = seats
        self._seats_per_user = seats_per_user
        self._taken: dict[str, int] = {}  # by user
        self._room = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()

    def find(self, cookie: str) -> SignIn | None:
        """Whose cookie it is; finding somebody counts as a sign of life."""
        found = self._by_cookie.get(_digest(cookie))
        if found is not None:
            found.touched = self.clock()
        return found

    async def begin(self, lender: Lender) -> tuple[SignIn, str]:
        """Keeps a sign-in, and says by which cookie it is found."""
        sign_in, cookie = SignIn(lender, self), secrets.token_urlsafe(32)
        same = [other for other in self._by_cookie.values() if other.user.id == sign_in.user.id]
        self._by_cookie[_digest(cookie)] = sign_in
        if len(same) >= PER_USER:
            await self.end(min(same, key=lambda other: other.touched), ENDED)
        return sign_in, cookie

    async def end(self, sign_in: SignIn, closing: Closing = SIGNED_OUT, *, revoke: bool = True) -> None:
        """Forgets a sign-in, ends its terminals, and revokes it at the API if that answers."""
        cookies = [cookie for cookie, held in self._by_cookie.items() if held is sign_in]
        for cookie in cookies:
            del self._by_cookie[cookie]
        if cookies:
            # Not as part of whoever asked: the line of a terminal may, and it ends with the terminal.
            await self.whole(_ended(sign_in, closing, revoke=revoke))

    async def whole(self, deed: Coroutine[None, None, None]) -> None:
        """Carries something out to its end, whatever becomes of whoever waits for it; `close` waits too."""
        task = asyncio.create_task(deed)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        await asyncio.shield(task)

    async def reap(self) -> None:
        """Closes terminals that nobody has used for long, and ends sign-ins that nobody has."""
        long_ago = self.clock() - self._idle_seconds
        for sign_in in list(self._by_cookie.values()):
            idle = {seat for seat in sign_in.seats if seat.touched < long_ago}
            for seat in idle:
                log.info("a terminal was idle", extra={"user": sign_in.user.id, "pid": seat.pid})
            await asyncio.gather(*(seat.dismiss(IDLE) for seat in idle))
            if sign_in.touched < long_ago and sign_in.seats <= idle:
                await self.end(sign_in, IDLE)

    async def close(self) -> None:
        """The server stops: nothing is left."""
        held = list(self._by_cookie.values())
        await asyncio.gather(*(self.end(sign_in, STOPPING) for sign_in in held))
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @asynccontextmanager
    async def room(self, user_id: str) -> AsyncIterator[None]:
        """Room for one terminal of this user. Raises Full."""
        async with self._room:
            try:
                async with asyncio.timeout(_ROOM_SECONDS):
                    await self._room.wait_for(lambda: self._refusal(user_id) == "")
            except TimeoutError:
                raise Full(self._refusal(user_id) or "There was no room for another terminal.") from None
            self._taken[user_id] = self._taken.get(user_id, 0) + 1
        try:
            yield
        finally:
            async with self._room:
                self._taken[user_id] -= 1
                if not self._taken[user_id]:
                    del self._taken[user_id]
                self._room.notify_all()

    def _refusal(self, user_id: str) -> str:
        if self._taken.get(user_id, 0) >= self._seats_per_user:
            return (
                f"You have {self._seats_per_user} terminals open, and that is the limit. Close one of them."
            )
        if sum(self._taken.values()) >= self._seats:
            return "All terminals of this server are taken. Try again later."
        return ""


async def _ended(sign_in: SignIn, closing: Closing, *, revoke: bool) -> None:
    await asyncio.gather(*(seat.dismiss(closing) for seat in list(sign_in.seats)))
    if revoke:
        with suppress(errors.ApiError):
            await sign_in.lender.sign_out()
    await sign_in.lender.close()


def _digest(cookie: str) -> str:
    # What is looked up is not the secret itself, so the time of the look-up tells nothing of it.
    return hashlib.sha256(cookie.encode()).hexdigest()
