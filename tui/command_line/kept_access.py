"""The access token of a kept sign-in, kept beside it for as long as it is good.

Without it every command would renew the sign-in, and a loop of ten commands would use up the logins that
a server allows an address in a minute.
"""

from __future__ import annotations

import time

import msgspec

from tui import wire
from tui.token_store import TokenStore

_LEAST_SECONDS = 60.0  # so that it outlives the command that takes it


class _Kept(msgspec.Struct, frozen=True):
    access_token: str
    good_until: float
    user: wire.User


def load(profile: str, url: str) -> wire.Tokens | None:
    """What an earlier command left, while it is good for this server. Without the refresh token."""
    kept = _store(profile).kept()
    if kept is None or kept.url != url:
        return None
    try:
        told = msgspec.json.decode(kept.refresh_token, type=_Kept)
    except msgspec.DecodeError:
        return None
    left = told.good_until - time.time()
    if left < _LEAST_SECONDS:
        return None
    return wire.Tokens(
        access_token=told.access_token,
        refresh_token="",
        token_type="bearer",  # noqa: S106  the wire value, not a secret
        expires_in=int(left),
        user=told.user,
    )


def save(profile: str, url: str, tokens: wire.Tokens) -> None:
    """Leaves it for the next command. Raises OSError."""
    told = _Kept(tokens.access_token, time.time() + tokens.expires_in, tokens.user)
    _store(profile).save(msgspec.json.encode(told).decode(), account=tokens.user.id, url=url)


def forget(profile: str) -> None:
    """Leaves nothing. Raises OSError."""
    _store(profile).forget()


def _store(profile: str) -> TokenStore:
    return TokenStore.for_profile(f"{profile} access")  # no profile's own name has a blank in it
