"""Tokens of the local identity provider: signed access tokens, and random refresh tokens kept as hashes."""

from __future__ import annotations

import hashlib
import secrets
import time
import uuid
from datetime import UTC, datetime, timedelta

import jwt
import msgspec

from engine.domain.errors import Unauthenticated

ALGORITHM = "HS256"
ISSUER = "keelyard"
ACCESS = "access"
LEEWAY_SECONDS = 30


class Claims(msgspec.Struct, frozen=True):
    """What an access token says."""

    account_id: uuid.UUID
    family: uuid.UUID
    expires: float  # seconds since the epoch

    def expired(self) -> bool:
        """Whether the time is past what clocks may differ by."""
        return time.time() > self.expires + LEEWAY_SECONDS


def issue(secret_key: str, account_id: uuid.UUID, family: uuid.UUID, lifetime: timedelta) -> str:
    """An access token."""
    now = datetime.now(UTC)
    payload = {
        "iss": ISSUER,
        "sub": str(account_id),
        "sid": str(family),
        "typ": ACCESS,
        "jti": secrets.token_urlsafe(12),
        "iat": now,
        "exp": now + lifetime,
    }
    return jwt.encode(payload, _key(secret_key), algorithm=ALGORITHM)


def read(secret_key: str, token: str) -> Claims:
    """The claims of an access token; raises Unauthenticated when it does not hold."""
    try:
        payload = jwt.decode(
            token,
            _key(secret_key),
            algorithms=[ALGORITHM],
            issuer=ISSUER,
            leeway=LEEWAY_SECONDS,
            options={"require": ["iss", "sub", "sid", "typ", "iat", "exp"]},
        )
        if payload["typ"] != ACCESS:
            raise Unauthenticated("This is not an access token.")
        return Claims(uuid.UUID(payload["sub"]), uuid.UUID(payload["sid"]), float(payload["exp"]))
    except jwt.ExpiredSignatureError as error:
        raise Unauthenticated(
            "The access token has expired.", remedy="Refresh it or log in again."
        ) from error
    except (jwt.InvalidTokenError, ValueError, TypeError, AttributeError) as error:
        raise Unauthenticated("The access token is not valid.", remedy="Log in again.") from error


def new_refresh_token() -> str:
    """A random refresh token; it has no structure, so it can never pass for an access token."""
    return secrets.token_urlsafe(48)


def refresh_hash(token: str) -> str:
    """What is kept of a refresh token. It is random, so a plain hash is enough."""
    return hashlib.sha256(token.encode()).hexdigest()


def _key(secret_key: str) -> bytes:
    """A key of the length that the algorithm wants, whatever the length of the setting."""
    return hashlib.sha256(b"keelyard access token\0" + secret_key.encode()).digest()
