"""The local identity provider: passwords in our table, short access tokens, refresh tokens that work once.

A login begins a family of sessions, one per refresh token. Using a refresh token twice means that somebody
else has it: the whole family ends. An access token lives no longer than its family.
"""

from __future__ import annotations

import time
import uuid
from datetime import timedelta

from engine.domain.errors import AccountDisabled, SessionEnded, Unauthenticated
from engine.domain.permissions import Principal
from engine.services import audit_log, passwords, tokens
from engine.services.identity import Caller, Grant
from engine.services.settings import Settings
from engine.store import accounts, database, principals, records, sessions

FREE_FAILURES = 5
FIRST_PAUSE_SECONDS = 15
LONGEST_PAUSE_SECONDS = 900
# For so long a revoked session or a changed role may still be believed by another API process.
MEMORY_SECONDS = 5.0
MEMORY_ENTRIES = 10_000

INCORRECT = "The e-mail address or the password is incorrect, or too many attempts failed just before."


class LocalIdentityProvider:
    """Accounts of Keelyard's own database."""

    def __init__(self, settings: Settings) -> None:
        self._secret_key = settings.secret_key
        self._access_lifetime = timedelta(minutes=settings.access_token_expire_minutes)
        self._refresh_lifetime = timedelta(days=settings.refresh_token_expire_days)
        self._known: dict[uuid.UUID, tuple[float, Principal]] = {}
        self._read: dict[str, tokens.Claims] = {}

    async def login(self, email: str, password: str, caller: Caller) -> Grant:
        """Tokens for the right password.

        Raises Unauthenticated for anything else, in the same words and about the same time whether or not the
        account exists, and AccountDisabled only after the right password.
        """
        account = await accounts.by_email(email.strip().replace("\0", ""))
        resting = (
            account is not None and account.locked_until is not None and account.locked_until > records.now()
        )
        right = await passwords.matches(account.password_hash if account and not resting else None, password)
        if account is None or resting:
            raise Unauthenticated(INCORRECT)
        if not right:
            await _count_failure(account)
            raise Unauthenticated(INCORRECT)
        if not account.enabled:
            raise AccountDisabled(f"The account {account.email} is inactive.", remedy="Ask an administrator.")
        async with database.transaction():
            changed: dict[str, object] = {"failed_logins": 0, "locked_until": None}
            if passwords.outdated(account.password_hash):
                changed["password_hash"] = await passwords.hashed(password)
            await accounts.update(account.id, **changed)
            grant = await self._grant(account, uuid.uuid4(), caller)
            await record(caller, grant.principal, "session:login")
        return grant

    async def refresh(self, refresh_token: str, caller: Caller) -> Grant:
        """New tokens for a refresh token; raises Unauthenticated when it, or its account, does not hold."""
        async with database.transaction():
            session = await sessions.by_refresh_hash(tokens.refresh_hash(refresh_token), lock=True)
            if session is not None and session.revoked_at is None and session.expires_at > records.now():
                account = await accounts.get(session.account_id)
                if account is not None and account.enabled:
                    grant = await self._grant(account, session.family, caller)
                    await sessions.revoke(session.id)
                    await record(caller, grant.principal, "session:refresh")
                    return grant
        if session is not None:
            # Outside the transaction above: what is revoked must stay so although the request is refused.
            await sessions.revoke_family(session.family)
            self._known.pop(session.family, None)
        raise Unauthenticated("The refresh token is not valid any more.", remedy="Log in again.")

    async def logout(self, caller: Caller) -> None:
        """End the session of the caller's token: none of its tokens works afterwards."""
        principal = caller.principal
        if principal is None or principal.session_id is None:
            raise Unauthenticated("There is no session to end.")
        family = uuid.UUID(principal.session_id)
        async with database.transaction():
            await sessions.revoke_family(family)
            await record(caller, principal, "session:logout")
        self._known.pop(family, None)

    async def authenticate(self, access_token: str) -> Principal:
        """The principal of an access token, remembered for a few seconds; raises Unauthenticated."""
        claims = self._claims(access_token)
        remembered = self._known.get(claims.family)
        if remembered is not None and time.monotonic() - remembered[0] < MEMORY_SECONDS:
            return remembered[1]
        principal = await principals.of_session(claims.account_id, claims.family)
        if principal is None:
            self._known.pop(claims.family, None)
            raise SessionEnded(str(claims.account_id))
        if len(self._known) >= MEMORY_ENTRIES:
            self._known.clear()
        self._known[claims.family] = (time.monotonic(), principal)
        return principal

    async def end_sessions(self, account_id: uuid.UUID) -> None:
        """Revoke every session of an account; another process may believe one for a few seconds more."""
        await sessions.revoke_account(account_id)
        wanted = str(account_id)
        for family in [known for known, (_, who) in self._known.items() if who.account_id == wanted]:
            del self._known[family]

    async def close(self) -> None:
        """There is nothing to close."""

    def _claims(self, access_token: str) -> tokens.Claims:
        """The claims of a token; its signature is checked the first time, its age every time."""
        claims = self._read.get(access_token)
        if claims is None or claims.expired():
            self._read.pop(access_token, None)
            claims = tokens.read(self._secret_key, access_token)
            if len(self._read) >= MEMORY_ENTRIES:
                self._read.clear()
            self._read[access_token] = claims
        return claims

    async def _grant(self, account: records.Account, family: uuid.UUID, caller: Caller) -> Grant:
        refresh_token = tokens.new_refresh_token()
        await sessions.add(
            records.Session(
                account_id=account.id,
                refresh_hash=tokens.refresh_hash(refresh_token),
                expires_at=records.now() + self._refresh_lifetime,
                family=family,
                address=caller.address,
                user_agent=caller.user_agent[:200].replace("\0", ""),
            )
        )
        return Grant(
            principal=principals.of_account(account, family),
            access_token=tokens.issue(self._secret_key, account.id, family, self._access_lifetime),
            refresh_token=refresh_token,
            expires_in=int(self._access_lifetime.total_seconds()),
        )


async def _count_failure(account: records.Account) -> None:
    failures = account.failed_logins + 1
    pause = None
    if failures >= FREE_FAILURES:
        seconds = min(FIRST_PAUSE_SECONDS * 2 ** min(failures - FREE_FAILURES, 10), LONGEST_PAUSE_SECONDS)
        pause = records.now() + timedelta(seconds=seconds)
    await accounts.update(account.id, failed_logins=failures, locked_until=pause)


async def record(caller: Caller, principal: Principal, action: str) -> None:
    """Tell the audit log of a login, refresh or logout."""
    known = Caller(
        principal=principal,
        address=caller.address,
        user_agent=caller.user_agent,
        correlation_id=caller.correlation_id,
    )
    await audit_log.record(
        known, action, audit_log.Resource("account", principal.account_id, principal.email)
    )
