"""Access tokens of Keycloak, checked here against its remembered keys; and what roles they carry."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import jwt
import msgspec
import structlog

from engine.domain.errors import ServiceUnavailable, Unauthenticated
from engine.domain.permissions import Principal
from engine.domain.statuses import Role
from engine.services.tokens import LEEWAY_SECONDS

ALGORITHM = "RS256"  # whatever a token's header says
LONGEST_SECONDS = 24 * 3600  # an access token that lives longer could outlive the memory of its logout
KEYS_SECONDS = 300.0  # after which keys are fetched again, so that one taken away is believed no longer
FETCH_PAUSE_SECONDS = 10.0  # between two fetches, whatever key ids strangers make up
MEMORY_ENTRIES = 10_000

#: Names of roles in Keycloak; the first of each role is the one that Keelyard gives.
ROLE_NAMES: dict[Role, tuple[str, ...]] = {
    Role.ADMIN: ("admin",),
    Role.OPERATOR: ("operator", "manager"),
    Role.VIEWER: ("viewer", "staff"),
}

_log = structlog.get_logger("identity")


def roles_named(names: Iterable[str]) -> frozenset[Role]:
    """Our roles among names of Keycloak's."""
    held = set(names)
    return frozenset(role for role, known in ROLE_NAMES.items() if held & set(known))


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """What an access token says."""

    principal: Principal
    key_id: str
    expires: float  # seconds since the epoch


class Keys:
    """The realm's signing keys. They outlive an outage, and strangers cannot make us ask for them often."""

    def __init__(self, fetch: Callable[[], Awaitable[dict[str, Any]]]) -> None:
        self._fetch = fetch
        self._keys: dict[str, jwt.PyJWK] = {}
        self._read = self._asked = -float("inf")
        self._asking = asyncio.Lock()
        self._refreshing: asyncio.Task[None] | None = None

    def has(self, key_id: str) -> bool:
        """Whether the key is one of the realm's, as far as is known."""
        return key_id in self._keys

    async def get(self, key_id: str) -> jwt.PyJWK:
        """A key by its id; raises Unauthenticated, and ServiceUnavailable when there are none at all."""
        if key_id not in self._keys:
            await self._again(key_id)
        elif time.monotonic() - self._read >= KEYS_SECONDS and self._may_ask():
            # Nobody waits for it: the keys at hand are good until it has succeeded.
            self._refreshing = asyncio.create_task(self._refresh())
        key = self._keys.get(key_id)
        if key is not None:
            return key
        if not self._keys:
            raise ServiceUnavailable("Keycloak's keys are not known yet.", remedy="Ask again in a moment.")
        raise Unauthenticated("The access token is signed with an unknown key.", remedy="Log in again.")

    async def close(self) -> None:
        """Wait for nothing any more."""
        if self._refreshing is not None:
            self._refreshing.cancel()
            await asyncio.gather(self._refreshing, return_exceptions=True)

    def _may_ask(self) -> bool:
        return time.monotonic() - self._asked >= FETCH_PAUSE_SECONDS

    async def _again(self, key_id: str) -> None:
        async with self._asking:
            if key_id in self._keys or not self._may_ask():
                return
            self._asked = time.monotonic()
            await self._load()

    async def _refresh(self) -> None:
        async with self._asking:
            if not self._may_ask():
                return
            self._asked = time.monotonic()
            try:
                await self._load()
            except ServiceUnavailable as error:
                _log.warning("keys of Keycloak not refreshed", error=str(error))

    async def _load(self) -> None:
        found = {}
        for key in (await self._fetch())["keys"]:
            if isinstance(key, dict) and key.get("use") == "sig" and key.get("alg") == ALGORITHM:
                try:
                    found[str(key["kid"])] = jwt.PyJWK(key, ALGORITHM)
                except (jwt.PyJWTError, KeyError, ValueError) as error:
                    _log.warning("a key of Keycloak cannot be read", error=str(error))
        self._keys, self._read = found, time.monotonic()


class AccessTokens:
    """Reads access tokens of one realm that are meant for us."""

    def __init__(self, keys: Keys, *, issuer: str, audience: str, client_id: str) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._client_id = client_id
        self._known: dict[str, Claims] = {}

    async def read(self, token: str) -> Claims:
        """The claims of a token; its signature is checked the first time, its age and key every time.

        Raises Unauthenticated; ServiceUnavailable when no key is known and Keycloak does not answer.
        """
        claims = self._known.get(token)
        if (
            claims is not None
            and time.time() <= claims.expires + LEEWAY_SECONDS
            and self._keys.has(claims.key_id)
        ):
            return claims
        self._known.pop(token, None)
        claims = await self._read(token)
        if len(self._known) >= MEMORY_ENTRIES:
            self._known.clear()
        self._known[token] = claims
        return claims

    async def _read(self, token: str) -> Claims:
        try:
            header = jwt.get_unverified_header(token)
            if header.get("alg") != ALGORITHM or not isinstance(header.get("kid"), str):
                raise Unauthenticated("The access token is not valid.", remedy="Log in again.")
            payload = jwt.decode(
                token,
                await self._keys.get(header["kid"]),
                algorithms=[ALGORITHM],
                issuer=self._issuer,
                leeway=LEEWAY_SECONDS,
                options={"require": ["iss", "sub", "typ", "iat", "exp"], "verify_aud": False},
            )
            return self._claims(payload, header["kid"])
        except jwt.ExpiredSignatureError as error:
            raise Unauthenticated(
                "The access token has expired.", remedy="Refresh it or log in again."
            ) from error
        except (jwt.PyJWTError, ValueError, TypeError, AttributeError) as error:
            raise Unauthenticated("The access token is not valid.", remedy="Log in again.") from error

    def _claims(self, payload: dict[str, Any], key_id: str) -> Claims:
        if payload["typ"] != "Bearer":
            raise Unauthenticated("This is not an access token.")
        if not self._meant_for_us(payload):
            raise Unauthenticated("The access token is meant for another service.")
        if payload["exp"] - payload["iat"] > LONGEST_SECONDS:
            raise Unauthenticated(
                "The access token lives for more than a day.", remedy="Shorten the realm's lifespan of them."
            )
        session = payload.get("sid")
        email = payload.get("email") or payload.get("preferred_username") or payload["sub"]
        principal = Principal(
            account_id=str(uuid.UUID(payload["sub"])),
            email=str(email).lower()[:320],
            full_name=str(payload.get("name") or "")[:200],
            roles=roles_named(self._role_names(payload)),
            session_id=session if isinstance(session, str) else None,
        )
        return Claims(principal=principal, key_id=key_id, expires=float(payload["exp"]))

    def _meant_for_us(self, payload: dict[str, Any]) -> bool:
        audience = payload.get("aud") or []
        named = [audience] if isinstance(audience, str) else audience
        if self._audience:
            return self._audience in named
        return self._client_id in named or payload.get("azp") == self._client_id

    def _role_names(self, payload: dict[str, Any]) -> set[str]:
        places = [
            payload.get("realm_access"),
            (payload.get("resource_access") or {}).get(self._client_id),
        ]
        return {name for place in places if place for name in place.get("roles", []) if isinstance(name, str)}
