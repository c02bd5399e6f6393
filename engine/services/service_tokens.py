"""Service tokens: what automation authenticates with, on every surface.

A token holds permissions of its own, not a person's, and outlives whoever made it until it expires or is
revoked. It is random, shown once, and kept as a hash.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import time
import uuid
from datetime import timedelta

import asyncpg
import msgspec

from engine.domain import permissions
from engine.domain.errors import FieldProblem, InvalidSpec, NameTaken, NotFound, Unauthenticated
from engine.domain.permissions import Permission, Principal
from engine.services import audit_log
from engine.services.identity import Caller
from engine.store import database, records
from engine.store import service_tokens as store

ServiceToken = store.ServiceToken

PREFIX = "kyt_"  # tells a service token from an access token, and secret scanners what they found
LONGEST_DAYS = 366
# For so long a revoked token may still be believed by another API process.
MEMORY_SECONDS = 5.0
MEMORY_ENTRIES = 10_000

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
#: A token that could make tokens would never really expire.
_NEVER = frozenset({Permission.SERVICE_TOKEN_CREATE})


class TokenRefused(Unauthenticated):
    """A service token that does not hold any more."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"The service token {name} {why}.", remedy="Ask an administrator for another.")
        self.name = name


class NewToken(msgspec.Struct, frozen=True, kw_only=True):
    """A token to be made; `tenant` is a slug, None for any tenant."""

    name: str
    permissions: list[str]
    expires_in_days: int = 90
    tenant: str | None = None


class ServiceTokens:
    """Makes, knows and ends service tokens."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, Principal]] = {}

    async def create(self, wanted: NewToken, caller: Caller) -> tuple[ServiceToken, str]:
        """A new token and its text, which is kept nowhere.

        Raises InvalidSpec, NameTaken, and Forbidden for permissions that the caller lacks.
        """
        chosen = _checked(wanted)
        if caller.principal is not None:
            for permission in (Permission.SERVICE_TOKEN_CREATE, *chosen):
                permissions.require(caller.principal, permission)
        tenant_id = await _tenant(wanted.tenant)
        text = PREFIX + secrets.token_urlsafe(32)
        principal = caller.principal
        token = ServiceToken(
            name=wanted.name,
            token_hash=_hash(text),
            permissions=sorted(chosen),
            tenant_id=tenant_id,
            expires_at=records.now() + timedelta(days=wanted.expires_in_days),
            created_by=uuid.UUID(principal.account_id) if principal else None,
            created_by_email=principal.email if principal else "",
        )
        try:
            async with database.transaction():
                await store.add(token)
                await _record(caller, "service-token:create", token, {"permissions": token.permissions})
        except asyncpg.UniqueViolationError as error:
            raise NameTaken(
                f"There is a service token {token.name} already.", remedy="Revoke it first, or name another."
            ) from error
        return token, text

    async def page(self, *, page: int, page_size: int) -> tuple[list[ServiceToken], int]:
        """Tokens that are not revoked, and how many there are."""
        return await store.page(offset=(page - 1) * page_size, limit=page_size)

    async def get(self, reference: str) -> ServiceToken:
        """The token with an id, or the unrevoked one with a name; raises NotFound."""
        try:
            token = await store.get(uuid.UUID(reference))
        except ValueError:
            token = await store.by_name(reference) if _NAME.fullmatch(reference) else None
        if token is None or token.revoked_at is not None:
            raise NotFound(f"There is no service token {reference[:80]}.")
        return token

    async def revoke(self, reference: str, caller: Caller) -> ServiceToken:
        """End a token; raises NotFound."""
        token = await self.get(reference)
        async with database.transaction():
            if not await store.revoke(token.id):
                raise NotFound(f"There is no service token {token.name}.")
            await _record(caller, "service-token:revoke", token, {})
        self._known.pop(token.token_hash, None)
        return token

    async def authenticate(self, text: str, address: str) -> Principal:
        """The principal of a token, remembered for a few seconds; raises Unauthenticated."""
        hashed = _hash(text)
        remembered = self._known.get(hashed)
        if remembered is not None and time.monotonic() - remembered[0] < MEMORY_SECONDS:
            return remembered[1]
        self._known.pop(hashed, None)
        token = await store.by_hash(hashed)
        if token is None:
            raise Unauthenticated("The service token is not known.", remedy="Ask an administrator for one.")
        if token.revoked_at is not None:
            raise TokenRefused(token.name, "was revoked")
        if token.expires_at <= records.now():
            raise TokenRefused(token.name, "has expired")
        await store.touch(token.id, address)
        principal = principal_of(token)
        if len(self._known) >= MEMORY_ENTRIES:
            self._known.clear()
        self._known[hashed] = (time.monotonic(), principal)
        return principal


def principal_of(token: ServiceToken) -> Principal:
    """Who a token is: the least role that has its permissions, and of that role only these."""
    chosen = frozenset(Permission(name) for name in token.permissions if name in set(Permission))
    return Principal(
        account_id=str(token.id),
        email=actor(token.name),
        full_name=token.name,
        roles=frozenset({permissions.least_role(chosen)}),
        limited_to=chosen,
        tenant_id=None if token.tenant_id is None else str(token.tenant_id),
    )


def actor(name: str) -> str:
    """How the audit log and everything made by it names a token."""
    return f"service-token:{name}"


def _checked(wanted: NewToken) -> frozenset[Permission]:
    problems = []
    if not _NAME.fullmatch(wanted.name):
        problems.append(FieldProblem("name", "must be 1 to 63 lower-case letters, digits and hyphens"))
    if not wanted.permissions:
        problems.append(FieldProblem("permissions", "must name at least one permission"))
    known = {permission.value: permission for permission in Permission if permission not in _NEVER}
    for place, name in enumerate(wanted.permissions):
        if name not in known:
            problems.append(
                FieldProblem(
                    f"permissions.{place}", "is no permission for tokens; these are: " + ", ".join(known)
                )
            )
    if not 1 <= wanted.expires_in_days <= LONGEST_DAYS:
        problems.append(FieldProblem("expires_in_days", f"must be from 1 to {LONGEST_DAYS}"))
    if problems:
        raise InvalidSpec(problems)
    return frozenset(known[name] for name in wanted.permissions)


async def _tenant(slug: str | None) -> uuid.UUID | None:
    if slug is None:
        return None
    found = await store.tenant(slug)
    if found is None:
        raise InvalidSpec([FieldProblem("tenant", "is no tenant's slug")])
    return found


def _hash(text: str) -> str:
    """What is kept of a token. It is random, so a plain hash is enough."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


async def _record(caller: Caller, action: str, token: ServiceToken, details: dict[str, object]) -> None:
    resource = audit_log.Resource("service-token", str(token.id), token.name)
    await audit_log.record(caller, action, resource, actor="keelyard", details=details)
