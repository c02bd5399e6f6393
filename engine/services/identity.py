"""Who may come in: one interface for every way to know a caller."""

from __future__ import annotations

import uuid
from typing import Protocol

import msgspec

from engine.domain.permissions import Principal


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Where a request comes from, for the audit log; `principal` is None before a login."""

    principal: Principal | None = None
    address: str = ""
    user_agent: str = ""
    correlation_id: str = ""


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """What a login or a refresh gives."""

    principal: Principal
    access_token: str
    refresh_token: str
    expires_in: int  # seconds of the access token's real lifetime

    def __repr__(self) -> str:
        return f"Grant({self.principal.email!r}, ...)"

    __str__ = __repr__


class IdentityProvider(Protocol):
    """Users live here or in an outside system; nothing above can tell.

    Every method raises ServiceUnavailable when what it needs does not answer.
    """

    async def login(self, email: str, password: str, caller: Caller) -> Grant:
        """Raises Unauthenticated, and AccountDisabled only after the right password."""
        ...

    async def refresh(self, refresh_token: str, caller: Caller) -> Grant:
        """Exchange a refresh token, once; raises Unauthenticated."""
        ...

    async def logout(self, caller: Caller) -> None:
        """End the session of the caller's token."""
        ...

    async def authenticate(self, access_token: str) -> Principal:
        """The principal of an access token.

        Raises Unauthenticated; SessionEnded, which is one, when the token itself is genuine and unexpired.
        """
        ...

    async def end_sessions(self, account_id: uuid.UUID) -> None:
        """End every session of an account; their tokens do not work any more."""
        ...

    async def close(self) -> None:
        """Give up connections."""
        ...
