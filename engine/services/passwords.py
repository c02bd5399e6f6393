"""Password hashes: Argon2id, off the event loop, a few at a time."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import argon2
from argon2.exceptions import InvalidHashError, VerificationError

from engine.domain.errors import FieldProblem, InvalidSpec

MINIMUM_LENGTH = 8
MAXIMUM_LENGTH = 128
_LONGEST_TRIED = 1024  # a login with more is no login
# Of the contract, and what Keycloak's policy of the same rule counts as each.
_KINDS: dict[str, Callable[[str], bool]] = {
    "an upper case letter": str.isupper,
    "a lower case letter": str.islower,
    "a digit": str.isdecimal,
    "a special character": lambda character: not character.isalnum(),
}

_hasher = argon2.PasswordHasher()  # the library's defaults follow RFC 9106
# Two at a time: a flood of logins must not take memory (64 MiB each) and every core from the rest.
_pool = ThreadPoolExecutor(max_workers=2, thread_name_prefix="argon2")
_decoy = ""


def generate() -> str:
    """A random password that can be read aloud and typed, and that fits the rule."""
    while True:
        groups = [secrets.token_hex(3) for _ in range(4)]
        made = "-".join([groups[0].upper(), *groups[1:]])
        if not _missing(made):
            return made


def check(password: str, field: str = "password") -> None:
    """Raises InvalidSpec for a new password that does not fit the rule; old ones are never checked."""
    if not MINIMUM_LENGTH <= len(password) <= MAXIMUM_LENGTH:
        raise InvalidSpec([FieldProblem(field, f"must have {MINIMUM_LENGTH} to {MAXIMUM_LENGTH} characters")])
    if missing := _missing(password):
        raise InvalidSpec([FieldProblem(field, f"must have {' and '.join(missing)}")])


def _missing(password: str) -> list[str]:
    return [kind for kind, fits in _KINDS.items() if not any(fits(character) for character in password)]


async def hashed(password: str) -> str:
    """The Argon2id hash of a password."""
    return await asyncio.get_running_loop().run_in_executor(_pool, _hasher.hash, password)


async def matches(password_hash: str | None, password: str) -> bool:
    """Whether a password fits a hash. Without one the same work is done, so that time tells nothing."""
    return await asyncio.get_running_loop().run_in_executor(_pool, _matches, password_hash, password)


def outdated(password_hash: str) -> bool:
    """Whether a hash was made with weaker parameters than today's."""
    return _hasher.check_needs_rehash(password_hash)


def _matches(password_hash: str | None, password: str) -> bool:
    global _decoy  # noqa: PLW0603 - made once, by the first login that needs it
    if len(password) > _LONGEST_TRIED:
        password = ""
    if password_hash is None:
        _decoy = _decoy or _hasher.hash(secrets.token_urlsafe())
    try:
        return _hasher.verify(password_hash or _decoy, password) and password_hash is not None
    except (VerificationError, InvalidHashError):
        return False
