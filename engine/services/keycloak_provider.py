"""Keycloak as identity provider: tokens are its own, checked here; login and refresh only pass through."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta

import jwt
import msgspec
import structlog

from engine.clients.keycloak import GrantRefused, KeycloakClient, TokenPair
from engine.clients.keycloak_admin import AdminRefused, KeycloakAdminClient
from engine.domain.errors import AccountDisabled, Forbidden, ServiceUnavailable, SessionEnded, Unauthenticated
from engine.domain.permissions import Principal
from engine.services import sessions
from engine.services.denied_sessions import DenyList
from engine.services.identity import Caller, Grant
from engine.services.keycloak_tokens import LONGEST_SECONDS, AccessTokens, Keys

INCORRECT = sessions.INCORRECT
_DENIED = timedelta(seconds=LONGEST_SECONDS)
# When Keycloak cannot be told that a session has ended, its refresh token must be denied as well.
_DENIED_ALONE = timedelta(days=90)
_REUSED = ("reuse exceeded", "Stale token")

_log = structlog.get_logger("identity")


class KeycloakIdentityProvider:
    """Sessions of one realm."""

    def __init__(
        self,
        client: KeycloakClient,
        admin: KeycloakAdminClient,
        denied: DenyList,
        *,
        issuer: str,
        audience: str,
        client_id: str,
    ) -> None:
        self._client = client
        self._admin = admin
        self._denied = denied
        self._keys = Keys(client.keys)
        self._tokens = AccessTokens(self._keys, issuer=issuer, audience=audience, client_id=client_id)
        self._busy: dict[str, tuple[asyncio.Lock, int]] = {}

    async def login(self, email: str, password: str, caller: Caller) -> Grant:
        """Keycloak's tokens for the right password.

        Raises Unauthenticated for anything else, in the same words whether or not the account exists,
        AccountDisabled only after the right password, Forbidden for people without a role here, and
        ServiceUnavailable while Keycloak does not answer.
        """
        name = email.strip().replace("\0", "")
        # Keycloak refuses a second login of the same person in the same moment; here it waits its turn.
        async with self._one_at_a_time(f"login {name.lower()}"):
            try:
                pair = await self._client.password_grant(name, password)
            except GrantRefused as error:
                raise await self._refusal(error, name, password) from error
        grant = await self._grant(pair)
        if not grant.principal.roles:
            await self._end(grant.principal.session_id)
            raise Forbidden(
                f"The account {grant.principal.email} has no role in Keelyard.",
                remedy="Ask an administrator for one.",
            )
        await sessions.record(caller, grant.principal, "session:login")
        return grant

    async def refresh(self, refresh_token: str, caller: Caller) -> Grant:
        """New tokens for a refresh token, once; its reuse ends the session and denies its access tokens."""
        no_more = Unauthenticated("The refresh token is not valid any more.", remedy="Log in again.")
        async with self._one_at_a_time(hashlib.sha256(refresh_token.encode()).hexdigest()):
            try:
                pair = await self._client.refresh_grant(refresh_token)
            except GrantRefused as error:
                if any(words in error.reason for words in _REUSED):
                    await self._end(_session_of(refresh_token))
                raise no_more from error
        grant = await self._grant(pair)
        if not grant.principal.roles or await self._is_denied(grant.principal):
            await self._end(grant.principal.session_id)
            raise no_more
        await sessions.record(caller, grant.principal, "session:refresh")
        return grant

    async def logout(self, caller: Caller) -> None:
        """End the session in Keycloak, and deny its access tokens until none can be alive."""
        principal = caller.principal
        if principal is None or principal.session_id is None:
            raise Unauthenticated("There is no session to end.")
        await self._end(principal.session_id)
        await sessions.record(caller, principal, "session:logout")

    async def authenticate(self, access_token: str) -> Principal:
        """The principal of an access token, without asking Keycloak; raises Unauthenticated."""
        principal = (await self._tokens.read(access_token)).principal
        if await self._is_denied(principal):
            raise SessionEnded(principal.account_id)
        if not principal.roles:
            raise Unauthenticated("The account has no role in Keelyard.", remedy="Ask an administrator.")
        return principal

    async def end_sessions(self, account_id: uuid.UUID) -> None:
        """End every session of an account, and deny their access tokens. Raises ServiceUnavailable."""
        try:
            for session_id in await self._admin.session_ids(str(account_id)):
                await self._denied.deny(session_id, _DENIED)
            await self._admin.log_out(str(account_id))
        except AdminRefused as error:
            if error.status != 404:
                raise

    async def close(self) -> None:
        """Give up connections."""
        await self._keys.close()
        await self._client.close()
        await self._admin.close()

    async def _grant(self, pair: TokenPair) -> Grant:
        try:
            claims = await self._tokens.read(pair.access_token)
        except Unauthenticated as error:
            # Keycloak gave it this very moment, so it is the settings that do not fit, not the caller.
            _log.error("a token just given does not hold", error=str(error))
            raise ServiceUnavailable(
                f"Keycloak's tokens do not fit this server: {error.message}",
                remedy="Check KEYCLOAK_URL, KEYCLOAK_ISSUER and KEYCLOAK_AUDIENCE against the realm.",
            ) from error
        return Grant(
            principal=claims.principal,
            access_token=pair.access_token,
            refresh_token=pair.refresh_token,
            expires_in=pair.expires_in,
        )

    async def _refusal(self, error: GrantRefused, name: str, password: str) -> Exception:
        if error.reason == "Account disabled" and await self._client.tells_disabled(name, password):
            return AccountDisabled(f"The account {name.lower()} is inactive.", remedy="Ask an administrator.")
        if error.reason == "Account is not fully set up":  # told after the right password only
            return Forbidden(
                f"The account {name.lower()} is not fully set up in Keycloak.",
                remedy="Log in to Keycloak itself once, or ask an administrator.",
            )
        return Unauthenticated(INCORRECT)

    async def _is_denied(self, principal: Principal) -> bool:
        return principal.session_id is not None and await self._denied.denied(principal.session_id)

    async def _end(self, session_id: str | None) -> None:
        """Deny a session first, so that it is over here whether or not Keycloak answers."""
        if session_id is None:
            return
        await self._denied.deny(session_id, _DENIED)
        try:
            await self._admin.end_session(session_id)
        except (ServiceUnavailable, AdminRefused) as error:
            _log.warning("session not ended in Keycloak", error=str(error))
            await self._denied.deny(session_id, _DENIED_ALONE)

    @contextlib.asynccontextmanager
    async def _one_at_a_time(self, key: str) -> AsyncIterator[None]:
        lock, waiting = self._busy.get(key, (asyncio.Lock(), 0))
        self._busy[key] = (lock, waiting + 1)
        try:
            async with lock:
                yield
        finally:
            lock, waiting = self._busy.pop(key)
            if waiting > 1:
                self._busy[key] = (lock, waiting - 1)


def _session_of(refresh_token: str) -> str | None:
    """The session of a refresh token whose signature Keycloak itself has just checked."""
    try:
        payload = jwt.decode(refresh_token, options={"verify_signature": False})
    except (jwt.PyJWTError, msgspec.MsgspecError):
        return None
    session_id = payload.get("sid")
    return session_id if isinstance(session_id, str) else None
